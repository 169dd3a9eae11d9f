import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalIdMaps, outsideId, rootOf } from './id-maps.ts';

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
