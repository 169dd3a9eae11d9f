// `npm run fuzz:streams [-- --frames N --seed S]`: mutated frames of SPDY and WebSocket clients against the stream server, 100,000
// by default. Fails when the server dies, keeps a connection or a session, or grows.

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
const growthMaxBytes = 16 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What is in use when everybody has left. */
function usedBytes(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

console.log(`seed ${seed}, ${frames} frames`);
await fuzzStreams({ seed, frames: frames / 10 });
const before = usedBytes();
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
const growth = usedBytes() - before;
console.log(`${sent} frames; grown by ${Math.round(growth / 1024)} KiB`);
if (growth > growthMaxBytes) throw new Error(`the server has grown by ${growth} bytes`);
