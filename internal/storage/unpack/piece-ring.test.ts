import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { newRingMemory, RingReader, RingWriter } from './piece-ring.ts';

function newRing(): { writer: RingWriter; reader: RingReader } {
  const memory = newRingMemory();
  const writer = new RingWriter(memory);
  writer.restart();
  return { writer, reader: new RingReader(memory) };
}

/** Takes all that is there; the writer has ended or filled the ring, so that nothing blocks. */
function drain(reader: RingReader): { bytes: Buffer; mustTell: boolean; isEnded: boolean } {
  const taken: Buffer[] = [];
  let mustTell = false;
  for (;;) {
    const piece = reader.take();
    if (!Buffer.isBuffer(piece))
      return { bytes: Buffer.concat(taken), mustTell, isEnded: piece === undefined };
    taken.push(Buffer.from(piece));
    mustTell = reader.release(piece.length);
    if (mustTell) return { bytes: Buffer.concat(taken), mustTell, isEnded: false };
  }
}

test('the reader gets all bytes in order, blob after blob, round the ring many times', () => {
  const { writer, reader } = newRing();
  for (const sizes of [[3_000_001, 1, 500_000], [], [5], [1_048_576, 700_000, 70_001]]) {
    const blob = sizes.map((size) => randomBytes(size));
    const got: Buffer[] = [];
    for (const chunk of blob) {
      let sent = 0;
      for (;;) {
        sent += writer.write(chunk.subarray(sent));
        if (sent === chunk.length) break;
        assert.equal(writer.mustWait(), true);
        const { bytes, mustTell } = drain(reader);
        assert.equal(mustTell, true);
        got.push(bytes);
      }
    }
    writer.end();
    const { bytes, isEnded } = drain(reader);
    assert.equal(isEnded, true);
    got.push(bytes);
    assert.ok(Buffer.concat(got).equals(Buffer.concat(blob)));
    writer.restart();
  }
});

test('a full ring takes nothing, and its writer need not wait once there is room', () => {
  const { writer, reader } = newRing();
  const chunk = randomBytes(3 << 20);
  const taken = writer.write(chunk);
  assert.equal(writer.write(chunk.subarray(taken)), 0);
  const piece = reader.take();
  assert.ok(Buffer.isBuffer(piece));
  assert.equal(reader.release(piece.length), false, 'nobody waits');
  assert.equal(writer.mustWait(), false);
  assert.equal(writer.write(chunk.subarray(taken)), piece.length);
});

test('a cut comes before all that is still in the ring', () => {
  const { writer, reader } = newRing();
  writer.write(randomBytes(1 << 21));
  writer.cut();
  assert.equal(reader.take(), 'cut');
});
