// A registry that gives nothing must not keep the places for unpacking from other images.

import type { Place } from '../async/semaphore.ts';

/** Shorter waits are the usual ones of a network. */
const patienceMs = 100;

/** Passes `blob` on; while it gives nothing for longer than usual, others have the place. */
export async function* lendWhileSlow(
  blob: AsyncIterable<Uint8Array>,
  place: Place,
): AsyncGenerator<Uint8Array> {
  const iterator = blob[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = iterator.next();
      const { done, value } = (await settlesSoon(next)) ? await next : await place.lend(next);
      if (done === true) return;
      yield value;
    }
  } finally {
    await iterator.return?.();
  }
}

async function settlesSoon(promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const settled = promise.then(
    () => true,
    () => true,
  );
  const patience = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, patienceMs, false);
  });
  try {
    return await Promise.race([settled, patience]);
  } finally {
    clearTimeout(timer);
  }
}
