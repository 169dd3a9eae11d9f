import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '../log/logger.ts';
import type { LayerRecord } from './layer-records.ts';
import { openReadOnlyStore, ReadOnlyList } from './read-only-store.ts';

function world(t: { after: (clean: () => void) => void }) {
  const root = mkdtempSync(join(tmpdir(), 'cria-additional-'));
  t.after(() => rmSync(root, { recursive: true }));
  const folder = join(root, 'overlay-layers');
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_: object, text: string) => warnings.push(text) };
  const list = new ReadOnlyList<LayerRecord>(join(folder, 'layers.json'), logger);
  const write = (...ids: string[]): void => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'layers.json'), JSON.stringify(ids.map((id) => ({ id }))));
  };
  return { folder, warnings, logger, list, write, ids: () => list.all().map(({ id }) => id) };
}

test('a list that others write may come, change and go', async (t) => {
  const { folder, warnings, list, write, ids } = world(t);
  await list.refresh();
  assert.deepEqual(ids(), []);
  write('a');
  await list.refresh();
  write('a', 'b');
  await Promise.all([list.refresh(), list.refresh()]);
  assert.deepEqual(ids(), ['a', 'b']);
  rmSync(folder, { recursive: true });
  await list.refresh();
  assert.deepEqual(ids(), []);
  assert.deepEqual(warnings, []);
});

test('a list that cannot be looked at is told once, counts as it was, and is read again when it can be', async (t) => {
  const { folder, warnings, list, write, ids } = world(t);
  write('a');
  await list.refresh();
  renameSync(folder, `${folder}.aside`);
  symlinkSync('overlay-layers', folder); // leads to itself
  await list.refresh();
  await list.refresh();
  assert.deepEqual(warnings, ['an additional image store cannot be read']);
  assert.deepEqual(ids(), ['a']);
  rmSync(folder);
  write('b');
  await list.refresh();
  assert.deepEqual(ids(), ['b']);
});

test('a store that hangs holds nobody up, is told once, and counts again when it answers', async (t) => {
  const { folder, warnings, write, logger } = world(t);
  const store = openReadOnlyStore(join(folder, '..'), logger, 50);
  mkdirSync(folder);
  const list = join(folder, 'layers.json');
  execFileSync('mkfifo', [list]); // whoever reads it waits for a writer
  await store.refresh();
  await Promise.all([store.refresh(), store.refresh()]);
  assert.deepEqual(warnings, ['an additional image store does not answer; it counts as it was']);
  writeFileSync(list, '[{"id":"a"}]');
  rmSync(list);
  write('a', 'b');
  while (store.layers.all().length < 2) {
    await sleep(10);
    await store.refresh();
  }
});
