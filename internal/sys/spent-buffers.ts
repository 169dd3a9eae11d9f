// What a socket was read into is garbage as soon as it was written on. To V8 such a buffer is a few words on its heap, so
// it collects the young ones much too late: by marking the whole heap, again and again, when so many are there that the
// limit of the old generation is reached. That costs more than the stream itself.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Measured with pulls: 4 MiB cost a fifth more processor time than this, 12 MiB a third. */
const sweepBytes = 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void;

let spentBytes = 0;

/** Tells of bytes that came in a buffer of their own; now and then the memory of all such buffers is taken back. */
export function countSpent(bytes: number): void {
  spentBytes += bytes;
  if (spentBytes < sweepBytes) return;
  spentBytes = 0;
  collect({ type: 'minor' });
}
