// Many pieces of work that each begin with something synchronous, such as reads of the kernel's files.

import { setImmediate as nextTurn } from 'node:timers/promises';

/** What else the process has to do waits this long at most, and for one piece. */
const turnMs = 5;

/** Like `Promise.all` of `body` for all items, but not all begin in one turn of the event loop when that takes long. */
export async function inTurns<T, R>(items: readonly T[], body: (item: T) => Promise<R>): Promise<R[]> {
  const running: Promise<R>[] = [];
  let beganMs = performance.now();
  for (const item of items) {
    const piece = body(item);
    piece.catch(() => {}); // told below
    running.push(piece);
    if (performance.now() - beganMs < turnMs) continue;
    await nextTurn();
    beganMs = performance.now();
  }
  return Promise.all(running);
}
