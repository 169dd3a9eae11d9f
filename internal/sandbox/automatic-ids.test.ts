import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { AutomaticIds } from './automatic-ids.ts';
import { parseSubordinateIds } from './subordinate-ids.ts';

const directory = mkdtempSync(join(tmpdir(), 'cria-automatic-ids-'));
after(() => rmSync(directory, { recursive: true }));
const files = { uids: join(directory, 'subuid'), gids: join(directory, 'subgid') };
const plain = (size: number) => ({ size, uids: [], gids: [] });
const nothing = async () => {
  await turn();
  return { uids: [], gids: [] };
};

test('the lines of a user, whatever else is in the file', () => {
  const text = '# pods:1:1\nanna:1:1\npods:100:10\n\n pods:300:5 \npods:x:1\npods:5\npodsx:7:7\npods:1:2:3';
  assert.deepEqual(parseSubordinateIds(text, 'pods'), [
    { first: 100, length: 10 },
    { first: 300, length: 5 },
  ]);
});

test('choices at once differ, until they are settled; user and group ids are apart', async () => {
  writeFileSync(files.uids, 'pods:1000:100\n');
  writeFileSync(files.gids, 'pods:2000:90\n');
  const ids = new AutomaticIds('pods', files);
  const all = await Promise.all(['a', 'b', 'c'].map((id) => ids.choose(id, plain(30), nothing)));
  assert.deepEqual(
    all.map(({ uids, gids }) => [uids.outside, gids.outside]),
    [
      [1000, 2000],
      [1030, 2030],
      [1060, 2060],
    ],
  );
  assert.deepEqual(all[0]?.uids, { inside: 0, outside: 1000, length: 30 });
  await assert.rejects(ids.choose('d', plain(1), nothing), {
    kind: 'failed-precondition',
    message: /subgid no 1 in/,
  });
  ids.settle('b');
  assert.equal((await ids.choose('d', plain(30), nothing)).uids.outside, 1030);
});

test('neither what is used nor what the kubelet has chosen for another is given away', async () => {
  writeFileSync(files.uids, 'pods:1000:100\n');
  writeFileSync(files.gids, 'pods:1000:100\n');
  const ids = new AutomaticIds('pods', files);
  const map = { inside: 0, outside: 1000, length: 10 };
  ids.claim('kubelet', { uids: map, gids: map });
  const used = async () => ({ uids: [{ first: 1010, length: 10 }], gids: [{ first: 1030, length: 1 }] });
  const { uids, gids } = await ids.choose('a', plain(20), used);
  assert.deepEqual([uids.outside, gids.outside], [1020, 1010]);
});

test('a user without a line, or without the file, is told with the line that is missing', async () => {
  writeFileSync(files.uids, 'other:1000:100\n');
  const message = /subuid has no line for user "pods"; add one, such as "pods:\d+:\d+"$/;
  const ids = new AutomaticIds('pods', files);
  await assert.rejects(ids.choose('a', plain(1), nothing), { kind: 'failed-precondition', message });
  rmSync(files.uids);
  await assert.rejects(ids.choose('a', plain(1), nothing), { kind: 'failed-precondition', message });
});

test('ids of the host are among those of the pod, and not among the free ones', async () => {
  writeFileSync(files.uids, 'pods:1000:100\n');
  writeFileSync(files.gids, 'pods:1000:100\n');
  const ids = new AutomaticIds('pods', files);
  const uids = [{ inside: 5, outside: 1000, length: 1 }];
  const { uids: map, gids } = await ids.choose('a', { size: 10, uids, gids: [] }, nothing);
  assert.deepEqual(map, {
    inside: 0,
    outside: 1001,
    length: 5,
    more: [
      { inside: 5, outside: 1000, length: 1 },
      { inside: 6, outside: 1006, length: 4 },
    ],
  });
  assert.deepEqual(gids, { inside: 0, outside: 1000, length: 10 });
  const next = await ids.choose('b', plain(10), nothing);
  assert.deepEqual([next.uids.outside, next.gids.outside], [1010, 1010]);
});
