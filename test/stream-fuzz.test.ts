import { test } from 'node:test';
import { fuzzStreams } from './fuzz/stream-fuzz.ts';

// The same bytes each time: what fails here fails everywhere. `npm run fuzz:streams` looks for more.
test('mutated frames of SPDY and WebSocket clients end no server and leave no session', async (t) => {
  const seed = 20_251;
  const sent = await fuzzStreams({ seed, frames: 2_000 });
  t.diagnostic(`seed ${seed}: ${sent} frames`);
});
