// What Node's fs cannot do to a file: device nodes, extended attributes, times in nanoseconds, links left alone.

import { checked, cPath, libc, SystemCallError } from './libc.ts';

const mknodCall = libc.func('int mknod(const void *path, uint32_t mode, uint64_t device)');
const lsetxattrCall = libc.func(
  'int lsetxattr(const void *path, const char *name, const void *value, size_t size, int flags)',
);
const lgetxattrCall = libc.func(
  'long lgetxattr(const void *path, const char *name, _Out_ void *value, size_t size)',
);
const utimensatCall = libc.func(
  'int utimensat(int directory, const void *path, const void *times, int flags)',
);
const futimensCall = libc.func('int futimens(int fd, const void *times)');

export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFBLK = 0o060000;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;

/** The kernel's dev_t, in the layout that glibc and musl share. */
export function deviceNumber(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (
    ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn)
  );
}

/** Makes a FIFO or a device; fails with EEXIST when the name is taken, a symbolic link included. */
export function makeNode(path: string | Uint8Array, mode: number, device = 0n): void {
  checked(mknodCall(cPath(path), mode, device), 'mknod');
}

/** Sets an extended attribute of the file itself, never of a link's target. */
export function setXattr(path: string | Uint8Array, name: string, value: Uint8Array): void {
  checked(lsetxattrCall(cPath(path), name, value, value.length, 0), 'lsetxattr', name);
}

/** An extended attribute of the file itself, up to 4 KiB; undefined when it has none. */
export function getXattr(path: string | Uint8Array, name: string): Buffer | undefined {
  const value = Buffer.alloc(4096);
  try {
    return value.subarray(
      0,
      checked(lgetxattrCall(cPath(path), name, value, value.length), 'lgetxattr', name),
    );
  } catch (cause) {
    if (cause instanceof SystemCallError && cause.code === 'ENODATA') return undefined;
    throw cause;
  }
}

/** A moment since the epoch in nanoseconds, as two kernel timespecs: access and modification. */
export interface FileTimes {
  readonly accessedAtNanos: bigint;
  readonly modifiedAtNanos: bigint;
}

const timespecs = new BigInt64Array(4);

function fillTimespecs(times: FileTimes): BigInt64Array {
  const second = 1_000_000_000n;
  [times.accessedAtNanos, times.modifiedAtNanos].forEach((nanos, index) => {
    const rest = ((nanos % second) + second) % second;
    timespecs[index * 2] = (nanos - rest) / second;
    timespecs[index * 2 + 1] = rest;
  });
  return timespecs;
}

/** Sets the times of the file itself, never of a link's target. Node's own call loses nanoseconds in a double. */
export function setTimes(path: string | Uint8Array, times: FileTimes): void {
  const args = [AT_FDCWD, cPath(path), fillTimespecs(times), AT_SYMLINK_NOFOLLOW];
  checked(utimensatCall(...args), 'utimensat');
}

/** Sets the times of an open file. */
export function setTimesOf(fd: number, times: FileTimes): void {
  checked(futimensCall(fd, fillTimespecs(times)), 'futimens');
}
