import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlType, FrameReader, flagFin } from '../streaming/spdy/frames.ts';
import { HeaderBlocks } from '../streaming/spdy/header-blocks.ts';
import { synStreamFrame } from './syn-stream.ts';

test('the server reads the streams that a client opens', () => {
  const blocks = new HeaderBlocks();
  const opened: { flags: number; id: number; headers: Record<string, string> }[] = [];
  const reader = new FrameReader({
    onData: () => assert.fail('no data was sent'),
    onControl: (type, flags, payload) => {
      assert.equal(type, controlType.synStream);
      const headers = Object.fromEntries(blocks.read(payload.subarray(10)));
      opened.push({ flags, id: payload.readUInt32BE(0), headers });
    },
  });
  const error = { streamtype: 'error', port: '80' };
  const data = { streamtype: 'data', port: '80', requestid: '7' };
  const sent = Buffer.concat([
    synStreamFrame(1, flagFin, error, true),
    synStreamFrame(3, 0, data, false),
    synStreamFrame(5, 0, {}, false),
  ]);
  for (const byte of sent) reader.push(Buffer.from([byte]));
  assert.deepEqual(opened, [
    { flags: flagFin, id: 1, headers: error },
    { flags: 0, id: 3, headers: data },
    { flags: 0, id: 5, headers: {} },
  ]);
});
