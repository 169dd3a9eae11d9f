/**
 * Like `Promise.all`, but settles only when everything has ended: an undo must not run beside a step that still works.
 * Rejects with the failure of the first in the list that failed.
 */
export async function allEnded<T extends readonly unknown[]>(
  running: readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(running);
  return Promise.all(running);
}
