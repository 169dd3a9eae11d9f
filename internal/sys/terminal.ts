// What Node's raw mode leaves out.

import { checked, libc } from './libc.ts';

const tcgetattrCall = libc.func('int tcgetattr(int fd, _Out_ uint8_t *termios)');
const tcsetattrCall = libc.func('int tcsetattr(int fd, int when, const uint8_t *termios)');

/** More than any C library's struct; its second word is c_oflag. */
const termiosBytes = 256;
const outputFlagsAt = 4;
const OPOST = 1;
const TCSADRAIN = 1;

/**
 * Lets output through as it is. In Node's raw mode the kernel still puts a carriage return before each line feed, and a
 * program at the other end that means "one line down" gets the first column. Node's own way back ends this too.
 */
export function disableOutputProcessing(fd: number): void {
  const termios = Buffer.alloc(termiosBytes);
  checked(tcgetattrCall(fd, termios), 'tcgetattr');
  const flags = new Uint32Array(termios.buffer, termios.byteOffset + outputFlagsAt, 1);
  flags[0] = (flags[0] ?? 0) & ~OPOST;
  checked(tcsetattrCall(fd, TCSADRAIN, termios), 'tcsetattr');
}
