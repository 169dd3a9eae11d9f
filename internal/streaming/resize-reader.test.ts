import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TerminalSize } from '../monitor/stream-session.ts';
import { ResizeReader } from './resize-reader.ts';

function read(...chunks: string[]): { sizes: TerminalSize[]; isGood: boolean } {
  const sizes: TerminalSize[] = [];
  const reader = new ResizeReader((size) => sizes.push(size));
  const isGood = chunks.every((chunk) => reader.push(Buffer.from(chunk)));
  return { sizes, isGood };
}

test('sizes come one behind the other and cut anywhere', () => {
  const text = '{"Width":80,"Height":24}\n{"Height":44, "Width":133}{"Width":1,"Height":65535}';
  const sizes = [
    { columns: 80, rows: 24 },
    { columns: 133, rows: 44 },
    { columns: 1, rows: 65_535 },
  ];
  assert.deepEqual(read(text), { sizes, isGood: true });
  assert.deepEqual(read(...text), { sizes, isGood: true });
});

test('what is no size of a terminal is passed over', () => {
  const texts = ['{"Width":0,"Height":0}', '{"Width":65536,"Height":24}', '{"Width":"80","Height":24}', '{}'];
  assert.deepEqual(read(...texts), { sizes: [], isGood: true });
});

test('what is no JSON, or has no end, is told', () => {
  assert.equal(read('}').isGood, false);
  assert.equal(read('{"Width":}').isGood, false);
  assert.equal(read('{"Width":'.padEnd(2000)).isGood, false);
});
