import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { closedParent, makePassable } from './passable.ts';

test('a directory is opened for passing only, and the closed one above a path is found', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'passable-'));
  t.after(() => rmSync(root, { recursive: true }));
  const [outer, inner] = [join(root, 'outer'), join(root, 'outer/inner')];
  mkdirSync(inner, { recursive: true });
  for (const directory of [root, outer, inner]) chmodSync(directory, 0o700);
  await makePassable(root);
  await makePassable(root);
  assert.equal(statSync(root).mode & 0o7777, 0o711);
  assert.equal(await closedParent(inner), outer);
  await makePassable(outer);
  assert.equal(await closedParent(inner), undefined);
});
