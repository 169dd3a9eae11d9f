import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { compressionOf } from './compression.ts';
import { chunkBytes, type Decoder, type TarSink } from './decoder.ts';
import { StreamDecoder } from './stream-decoder.ts';
import { decoderOf } from './thread-decoder.ts';

type Maker = (sink: TarSink) => Decoder;
const gzipDecoders: readonly (readonly [string, Maker])[] = [
  ['in the thread', (sink) => decoderOf('gzip', Buffer.alloc(chunkBytes), sink)],
  ['by a stream', (sink) => new StreamDecoder('gzip', sink)],
];

async function decoded(make: Maker, pieces: readonly Buffer[]): Promise<Buffer> {
  const out: Buffer[] = [];
  const decoder = make((bytes) => void out.push(Buffer.from(bytes)));
  try {
    for (const piece of pieces) await decoder.write(piece);
    await decoder.end();
  } finally {
    decoder.close();
  }
  return Buffer.concat(out);
}

const sharedCopy = (bytes: Uint8Array): Buffer => {
  const out = Buffer.from(new SharedArrayBuffer(bytes.length));
  out.set(bytes);
  return out;
};

function pieces(bytes: Buffer, size: number): Buffer[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}

const text = Buffer.from('one layer of many files\n'.repeat(40));
const large = Buffer.concat([randomBytes(chunkBytes), Buffer.alloc(3 * chunkBytes), randomBytes(5)]);

test('gzip is decoded in this thread, without a promise', () => {
  const decoder = decoderOf('gzip', Buffer.alloc(chunkBytes), () => {});
  assert.equal(decoder.write(gzipSync(text)), undefined);
  assert.equal(decoder.end(), undefined);
  decoder.close();
  decoder.close();
});

for (const [how, make] of gzipDecoders) {
  test(`gzip ${how}: any cut of the blob, several members, padding`, async () => {
    const two = Buffer.concat([gzipSync(text), gzipSync(large)]);
    const both = Buffer.concat([text, large]);
    assert.ok((await decoded(make, [two])).equals(both));
    assert.ok((await decoded(make, [sharedCopy(two)])).equals(both), 'from shared memory');
    assert.ok((await decoded(make, pieces(two, 10_007))).equals(both));
    assert.ok((await decoded(make, pieces(gzipSync(text), 1))).equals(text));
    const [first, second] = [gzipSync(text), gzipSync('and more')];
    assert.equal(String(await decoded(make, [first, second])), `${text}and more`, 'cut between members');
    assert.equal(String(await decoded(make, [first, Buffer.alloc(512)])), String(text));
    assert.equal(String(await decoded(make, [Buffer.concat([first, Buffer.alloc(9)])])), String(text));
  });

  test(`gzip ${how}: what is damaged is refused with the reason`, async () => {
    const blob = gzipSync(text);
    const flipped = Buffer.from(blob);
    flipped[blob.length - 6] = (flipped[blob.length - 6] as number) ^ 1;
    const refused = (bytes: Buffer, why: RegExp): Promise<void> =>
      assert.rejects(decoded(make, [bytes]), { name: 'LayerError', message: why });
    await refused(blob.subarray(0, -9), /^is damaged: gzip: unexpected end of file$/);
    await refused(flipped, /^is damaged: gzip: incorrect data check$/);
    await refused(
      Buffer.concat([blob, Buffer.from('garbage')]),
      /^is damaged: gzip: incorrect header check$/,
    );
    await refused(Buffer.from('1f8b0700', 'hex'), /^is damaged: gzip: unknown compression method$/);
  });

  test(`gzip ${how}: an error of the sink comes out as it is`, async () => {
    const own = new Error('disk on fire');
    const decoder = make(() => {
      throw own;
    });
    await assert.rejects(async () => decoder.write(gzipSync(text)), own);
    decoder.close();
  });
}

/** A frame whose blocks each repeat one byte 128 KiB times: few bytes in, many out. */
function zstdFrame(blocks: number): Buffer {
  const head = Buffer.from('28b52ffda000000000', 'hex');
  head.writeUInt32LE(blocks * 131_072, 5);
  const body = Array.from({ length: blocks }, (_, index) => {
    const block = Buffer.alloc(4);
    block.writeUIntLE((131_072 << 3) | (1 << 1) | (index === blocks - 1 ? 1 : 0), 0, 3);
    block[3] = 65 + index;
    return block;
  });
  return Buffer.concat([head, ...body]);
}

test('zstd: any cut, several frames, more out than fits into the buffer', async () => {
  const skippable = Buffer.from('502a4d1804000000abcdefab', 'hex');
  const blob = Buffer.concat([zstdFrame(9), skippable, zstdFrame(1)]);
  const make: Maker = (sink) => decoderOf('zstd', Buffer.alloc(chunkBytes), sink);
  const expected = Buffer.concat([...'ABCDEFGHIA'].map((letter) => Buffer.alloc(131_072, letter)));
  assert.equal(compressionOf(blob), 'zstd');
  for (const size of [1, 7, blob.length])
    assert.ok((await decoded(make, pieces(blob, size))).equals(expected), `pieces of ${size}`);
  assert.ok((await decoded(make, [sharedCopy(blob)])).equals(expected), 'from shared memory');
  await assert.rejects(
    decoded(make, [blob.subarray(0, -1)]),
    /^LayerError: is damaged: zstd: unexpected end/,
  );
  const broken = Buffer.from(zstdFrame(1));
  broken[4] = 0x08;
  await assert.rejects(decoded(make, [broken]), /^LayerError: is damaged: zstd: /);
});
