// _exit(2): the end of the process as by a kill, with a status.

import { libc } from './libc.ts';

const exitCall = libc.func('void _exit(int status)');

/** Unlike `process.exit`, which joins the pool's threads: one that a slow disk holds in a call would hold the end too. */
export function exitAtOnce(status: number): void {
  exitCall(status);
}
