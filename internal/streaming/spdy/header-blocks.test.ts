import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, deflateSync } from 'node:zlib';
import { HeaderBlocks } from './header-blocks.ts';
import { headerDictionary } from './header-dictionary.ts';
import { ProtocolError } from './protocol-error.ts';

function encode(headers: readonly (readonly [string, string])[], count = headers.length): Buffer {
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const strings = headers.flat().map((text) => Buffer.concat([number(text.length), Buffer.from(text)]));
  return Buffer.concat([number(count), ...strings]);
}

const sync = { finishFlush: constants.Z_SYNC_FLUSH };

function firstBlock(bytes: Buffer): Buffer {
  return deflateSync(bytes, { ...sync, dictionary: headerDictionary() });
}

test('the dictionary is the one that SPDY/3 names in its first block', () => {
  assert.equal(headerDictionary().length, 1423);
  assert.equal(firstBlock(encode([])).toString('hex', 2, 6), 'e3c6a7c2');
});

test('names are read in lower case; a zlib stream without the dictionary is read too', () => {
  const headers = encode([
    ['StreamType', 'error'],
    ['port', '8080'],
  ]);
  const expected = [
    ['streamtype', 'error'],
    ['port', '8080'],
  ];
  assert.deepEqual([...new HeaderBlocks().read(firstBlock(headers))], expected);
  assert.deepEqual([...new HeaderBlocks().read(deflateSync(headers, sync))], expected);
});

test('a block that is cut, longer than it may be, or no zlib stream ends the connection', () => {
  const bad = [
    Buffer.alloc(0),
    Buffer.from('GET / HTTP/1.1'),
    firstBlock(encode([['a', 'b']], 2)),
    firstBlock(encode([], 0xffff_ffff)),
    firstBlock(encode([['a', 'b'.repeat(70_000)]])),
    firstBlock(encode([['a', 'b']])).subarray(0, 8),
  ];
  for (const block of bad) assert.throws(() => new HeaderBlocks().read(block), ProtocolError);
});
