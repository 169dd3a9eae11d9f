import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalIdMaps, insideId, outsideId, outsideRanges, rootOf } from './id-maps.ts';

const map = { inside: 0, outside: 200_000, length: 65_536 };

test('an id of a user namespace on the host', () => {
  assert.equal(outsideId(map, 0), 200_000);
  assert.equal(outsideId(map, 65_535), 265_535);
  assert.equal(outsideId(map, 65_536), undefined);
  assert.equal(outsideId({ ...map, inside: 10 }, 9), undefined);
});

test('who is root of a user namespace, and which are the same', () => {
  const maps = { uids: map, gids: { ...map, outside: 300_000 } };
  assert.deepEqual(rootOf(maps), { uid: 200_000, gid: 300_000 });
  assert.equal(equalIdMaps(maps, structuredClone(maps)), true);
  assert.equal(equalIdMaps(maps, { uids: map, gids: map }), false);
});

test('a namespace of several pieces', () => {
  const pieces = { inside: 0, outside: 42, length: 1, more: [{ inside: 1, outside: 500, length: 10 }] };
  assert.deepEqual(
    [0, 1, 10, 11].map((id) => outsideId(pieces, id)),
    [42, 500, 509, undefined],
  );
  assert.deepEqual(
    [42, 43, 500, 509, 510].map((id) => insideId(pieces, id)),
    [0, undefined, 1, 10, undefined],
  );
  const maps = { uids: pieces, gids: map };
  assert.deepEqual(outsideRanges(maps), {
    uids: [
      { first: 42, length: 1 },
      { first: 500, length: 10 },
    ],
    gids: [{ first: 200_000, length: 65_536 }],
  });
  assert.equal(equalIdMaps(maps, structuredClone(maps)), true);
  const { more: _, ...alone } = pieces;
  assert.equal(equalIdMaps(maps, { ...maps, uids: alone }), false);
});
