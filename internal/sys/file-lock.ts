// Open-file-description locks. They see, and are seen by, the POSIX record locks of containers/storage, but die with
// their own descriptor only: a POSIX lock is lost when any descriptor of the file is closed anywhere in the process.

import { constants } from 'node:os';
import koffi from 'koffi';
import { checked, libc, SystemCallError } from './libc.ts';

const flock = koffi.struct('cria_flock', {
  l_type: 'int16_t',
  l_whence: 'int16_t',
  l_start: 'int64_t',
  l_len: 'int64_t',
  l_pid: 'int32_t',
});
const fcntlLock = libc.func('fcntl', 'int', ['int', 'int', koffi.inout(koffi.pointer(flock))]);

const F_GETLK = 5;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;

export type LockMode = 'read' | 'write';

function wholeFile(type: number): Record<string, number> {
  return { l_type: type, l_whence: 0, l_start: 0, l_len: 0, l_pid: 0 };
}

/** Locks the whole file behind `fd` without waiting; false when another holder is in the way. */
export function tryLockFile(fd: number, mode: LockMode): boolean {
  const lock = wholeFile(mode === 'read' ? F_RDLCK : F_WRLCK);
  try {
    checked(fcntlLock(fd, F_OFD_SETLK, lock), 'fcntl');
    return true;
  } catch (cause) {
    const { EAGAIN, EACCES } = constants.errno;
    if (cause instanceof SystemCallError && (cause.errno === EAGAIN || cause.errno === EACCES)) return false;
    throw cause;
  }
}

/** The pid that holds a lock in the way of a write lock; undefined when nobody does or the kernel does not know. */
export function lockHolder(fd: number): number | undefined {
  const lock = wholeFile(F_WRLCK);
  checked(fcntlLock(fd, F_GETLK, lock), 'fcntl');
  const pid = lock['l_pid'] ?? 0;
  return lock['l_type'] === F_UNLCK || pid <= 0 ? undefined : pid;
}
