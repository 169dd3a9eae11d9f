// The C library of this process, called through koffi, and errors that carry an errno name.

import { constants } from 'node:os';
import koffi from 'koffi';

/** The libc that the process is linked with, glibc or musl. */
export const libc = koffi.load(null);

/** EAGAIN has two names. */
const errnoNames = new Map<number, string>(
  Object.entries(constants.errno).flatMap(([name, number]) =>
    name === 'EWOULDBLOCK' ? [] : [[number, name] as const],
  ),
);

/** A system call that failed; `code` is the errno name, as on Node's own file system errors. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(syscall: string, errno: number, subject: string) {
    const code = errnoNames.get(errno) ?? `errno ${errno}`;
    super(subject === '' ? `${syscall}: ${code}` : `${syscall} ${subject}: ${code}`);
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
  }
}

/** Passes a result of 0 or more through; throws for -1. Call it right after the system call: it reads errno. */
export function checked(result: number, syscall: string, subject = ''): number {
  if (result >= 0) return result;
  throw new SystemCallError(syscall, koffi.errno(), subject);
}

/** A path in the form of the kernel: bytes and a NUL. Refuses a NUL inside, which would cut the path short. */
export function cPath(path: string | Uint8Array): Buffer {
  const bytes = typeof path === 'string' ? Buffer.from(path) : path;
  if (bytes.includes(0)) throw new SystemCallError('path', constants.errno.EINVAL, '');
  const out = Buffer.allocUnsafe(bytes.length + 1);
  out.set(bytes);
  out[bytes.length] = 0;
  return out;
}

type AsyncCallback = (error: unknown, result: number) => void;

/**
 * Runs one call on a thread of the pool, so that a slow one (a sync, a mount with cold directories) does not stop the
 * event loop. Errno is read in the callback, where koffi has put that thread's value.
 */
export function callOffLoop(
  call: { async: (...args: never[]) => void },
  args: readonly unknown[],
  syscall: string,
  subject = '',
): Promise<number> {
  return new Promise((resolve, reject) => {
    const done: AsyncCallback = (error, result) => {
      if (error) return reject(error as Error);
      try {
        resolve(checked(result, syscall, subject));
      } catch (cause) {
        reject(cause as Error);
      }
    };
    (call.async as (...all: unknown[]) => void)(...args, done);
  });
}
