import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownerOnDisk, storedIdMaps } from './stored-id-maps.ts';

const maps = {
  uids: { inside: 0, outside: 200_000, length: 1000 },
  gids: { inside: 0, outside: 300_000, length: 1000 },
};

test('mappings in the form of containers/storage, and none where there is no user namespace', () => {
  assert.deepEqual(storedIdMaps(maps), {
    uidmap: [{ container_id: 0, host_id: 200_000, size: 1000 }],
    gidmap: [{ container_id: 0, host_id: 300_000, size: 1000 }],
  });
  assert.deepEqual(storedIdMaps(undefined), {});
});

test('who owns the root of a container’s layer', () => {
  const stored = storedIdMaps(maps);
  assert.deepEqual(ownerOnDisk(stored, { uid: 0, gid: 5 }), { uid: 200_000, gid: 300_005 });
  assert.deepEqual(ownerOnDisk(stored, { uid: 1000, gid: 1 }), { uid: 200_000, gid: 300_001 });
  assert.equal(ownerOnDisk({}, { uid: 0, gid: 0 }), undefined);
});

test('mappings of several pieces', () => {
  const more = [{ inside: 1, outside: 500, length: 10 }];
  const pieces = { inside: 0, outside: 42, length: 1, more };
  const stored = storedIdMaps({ uids: pieces, gids: pieces });
  assert.deepEqual(stored.uidmap, [
    { container_id: 0, host_id: 42, size: 1 },
    { container_id: 1, host_id: 500, size: 10 },
  ]);
  assert.deepEqual(ownerOnDisk(stored, { uid: 0, gid: 3 }), { uid: 42, gid: 502 });
});
