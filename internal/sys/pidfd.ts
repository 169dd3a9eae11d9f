// Process file descriptors: a process that cannot be mistaken for a later one of the same pid.

import koffi from 'koffi';

const libc = koffi.load('libc.so.6');
const syscall = libc.func('long syscall(long number, long a, long b, long c, long d)');
const pollCall = libc.func('int poll(_Inout_ uint8_t *fds, unsigned long count, int timeout)');
const ioctlCall = libc.func('int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)');

// The same numbers on every architecture: these calls are younger than the unified table.
const SYS_pidfd_send_signal = 424;
const SYS_pidfd_open = 434;
const POLLIN = 1;
const pidfdInfoBytes = 64;
const PIDFD_GET_INFO = (3 << 30) | (pidfdInfoBytes << 16) | (0xff << 8) | 11;
const PIDFD_INFO_EXIT = 1n << 3n;
const exitCodeOffset = 60;

function systemError(call: string): NodeJS.ErrnoException {
  const number = koffi.errno();
  const code = Object.entries(koffi.os.errno).find(([, value]) => value === number)?.[0] ?? `errno ${number}`;
  return Object.assign(new Error(`${call}: ${code}`), { code, errno: number, syscall: call });
}

/** Opens a process; the caller closes the descriptor (fs.closeSync). Throws ESRCH when there is no such process. */
export function pidfdOpen(pid: number): number {
  const fd = Number(syscall(SYS_pidfd_open, pid, 0, 0, 0));
  if (fd < 0) throw systemError('pidfd_open');
  return fd;
}

/** Sends a signal; false when the process has ended. */
export function pidfdSendSignal(pidfd: number, signalNumber: number): boolean {
  if (Number(syscall(SYS_pidfd_send_signal, pidfd, signalNumber, 0, 0)) === 0) return true;
  const error = systemError('pidfd_send_signal');
  if (error.code === 'ESRCH') return false;
  throw error;
}

/** True when the process has ended. Never waits. */
export function pollPidfd(pidfd: number): boolean {
  const entry = new Uint8Array(8);
  const view = new DataView(entry.buffer);
  view.setInt32(0, pidfd, true);
  view.setInt16(4, POLLIN, true);
  const ready = Number(pollCall(entry, 1, 0));
  if (ready < 0) throw systemError('poll');
  return ready > 0;
}

/** The wait status of a process that has ended and was reaped, by anybody; undefined before that and before Linux 6.15. */
export function pidfdGetExit(pidfd: number): number | undefined {
  const info = new Uint8Array(pidfdInfoBytes);
  const view = new DataView(info.buffer);
  view.setBigUint64(0, PIDFD_INFO_EXIT, true);
  if (Number(ioctlCall(pidfd, PIDFD_GET_INFO >>> 0, info)) !== 0) return undefined;
  if ((view.getBigUint64(0, true) & PIDFD_INFO_EXIT) === 0n) return undefined;
  return view.getInt32(exitCodeOffset, true);
}
