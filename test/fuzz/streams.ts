// `npm run fuzz:streams [-- --frames N --seed S]`: mutated frames of SPDY and WebSocket clients against the stream server, 100,000
// by default. Fails when the server dies, keeps a connection or a session, or grows.

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fuzzStreams } from './stream-fuzz.ts';

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  },
});
const [frames, seed] = [Number(values.frames), Number(values.seed)];
const growthMaxBytes = 4 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What is in use when everybody has left. V8 gives buffers and handles back some turns of the event loop after it collected their owners. */
async function usedBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < 20; turn++) {
    await sleep(50);
    collect();
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

console.log(`seed ${seed}, ${frames} frames`);
await fuzzStreams({ seed, frames: frames / 10 });
const before = await usedBytes();
let told = 0;
const sent = await fuzzStreams({
  seed: seed + 1_000_000,
  frames,
  onProgress: (count) => {
    if (count - told < frames / 10) return;
    told = count;
    console.log(`${count} frames, ${Math.round(process.memoryUsage.rss() / 1024 / 1024)} MiB`);
  },
});
const growth = (await usedBytes()) - before;
console.log(`${sent} frames; grown by ${Math.round(growth / 1024)} KiB`);
if (growth > growthMaxBytes) throw new Error(`the server has grown by ${growth} bytes`);
