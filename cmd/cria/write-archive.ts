// An archive to a file or to standard output.

import { randomBytes } from 'node:crypto';
import { open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import { errnoCode, isENOENT } from '../../internal/errors/errno.ts';
import type { Terminal } from './cli/terminal.ts';

/** Replaces `path` when the archive is whole; else the file is as it was and nothing stays beside it. */
export async function writeArchive(
  archive: AsyncIterable<Uint8Array>,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const target = await written(path, fileAt(path));
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
  const file = await written(path, open(temporary, 'wx', 0o644));
  try {
    for await (const chunk of archive) {
      signal.throwIfAborted();
      await written(path, file.writeFile(chunk));
    }
    await written(path, file.sync());
    await file.close();
    await written(path, rename(temporary, target));
  } catch (cause) {
    await file.close().catch(() => {}); // closed already, or what failed
    await unlink(temporary);
    throw cause;
  }
}

/** The file that `path` leads to. What is no file must not be replaced by one: it may be `/dev/null`. */
async function fileAt(path: string): Promise<string> {
  const found = await stat(path).catch((cause: unknown) => {
    if (isENOENT(cause)) return undefined;
    throw cause;
  });
  if (found === undefined) return path;
  if (found.isFile()) return realpath(path);
  const text = `"${path}" is no file that an archive could replace: leave --output out and redirect standard output`;
  throw new DaemonError('invalid-argument', text);
}

/** A failure names the file that was asked for, not the one that was to become it. */
async function written<T>(path: string, step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (cause) {
    const code = errnoCode(cause);
    if (cause instanceof DaemonError || code === undefined) throw cause;
    const why = code === 'ENOENT' ? `the directory ${dirname(path)} does not exist` : code;
    throw new DaemonError('failed-precondition', `archive "${path}" cannot be written: ${why}`);
  }
}

export async function sendArchive(
  archive: AsyncIterable<Uint8Array>,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  for await (const chunk of archive) {
    signal.throwIfAborted();
    await terminal.write(chunk);
  }
}
