// openat2(2) with RESOLVE_IN_ROOT: a path resolved as if a directory were the root, whatever links are in the way.

import { closeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { constants } from 'node:os';
import koffi from 'koffi';
import { callOffLoop, checked, cPath, libc, SystemCallError } from './libc.ts';

const openHow = koffi.struct('cria_open_how', { flags: 'uint64_t', mode: 'uint64_t', resolve: 'uint64_t' });
const openat2Call = libc.func('syscall', 'long', [
  'long',
  'int',
  'const void *',
  koffi.pointer(openHow),
  'size_t',
]);
const openCall = libc.func('int open(const void *path, int flags, int mode)');

const SYS_openat2 = 437;
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
// O_DIRECTORY and O_NOFOLLOW differ between architectures; take them from node:fs constants.
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_IN_ROOT = 0x10;
const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

/** A path with `..` is EAGAIN when anything on the machine is renamed or mounted just then (openat2(2)). */
const maxTries = 128;

function isToTryAgain(cause: unknown): boolean {
  return cause instanceof SystemCallError && cause.errno === constants.errno.EAGAIN;
}

/**
 * Opens `path` inside `root`: links, absolute ones too, and `..` cannot leave it. Returns a descriptor that the caller
 * closes; O_CLOEXEC is added to `flags`. The `/proc/self/fd` links of the process are not followed.
 */
export function openInRoot(root: string, path: string | Uint8Array, flags: number, mode = 0): number {
  const directory = checked(openCall(cPath(root), O_PATH | O_CLOEXEC, 0), 'open', root);
  try {
    const how = { flags: flags | O_CLOEXEC, mode, resolve };
    for (let tries = 1; ; tries += 1) {
      try {
        return checked(Number(openat2Call(SYS_openat2, directory, cPath(path), how, 24)), 'openat2', root);
      } catch (cause) {
        if (!isToTryAgain(cause) || tries === maxTries) throw cause;
      }
    }
  } finally {
    closeSync(directory);
  }
}

/** The same off the event loop, for what is there already: looked up first, and opened by what was found. */
export async function openHandleInRoot(root: string, path: string, flags: number): Promise<FileHandle> {
  const directory = await open(root, O_PATH);
  try {
    const found = await lookUp(directory.fd, path, root);
    try {
      return await open(`/proc/self/fd/${found}`, flags);
    } finally {
      closeSync(found);
    }
  } finally {
    await directory.close();
  }
}

/** A descriptor of what is there, which cannot be read by. */
async function lookUp(directory: number, path: string, root: string): Promise<number> {
  const how = { flags: O_PATH | O_CLOEXEC, mode: 0, resolve };
  for (let tries = 1; ; tries += 1) {
    try {
      return await callOffLoop(openat2Call, [SYS_openat2, directory, cPath(path), how, 24], 'openat2', root);
    } catch (cause) {
      if (!isToTryAgain(cause) || tries === maxTries) throw cause;
    }
  }
}
