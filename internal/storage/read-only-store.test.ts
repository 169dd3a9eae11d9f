import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '../log/logger.ts';
import type { LayerRecord } from './layer-records.ts';
import { ReadOnlyList } from './read-only-store.ts';

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
  return { folder, warnings, list, write, ids: () => list.all().map(({ id }) => id) };
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
