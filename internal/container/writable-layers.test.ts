import assert from 'node:assert/strict';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { WritableLayers } from './writable-layers.ts';

let root: string;
before(() => {
  root = mkdtempSync('/var/tmp/cria-layer-');
  mkdirSync(join(root, 'diff/folder'), { recursive: true });
  writeFileSync(join(root, 'diff/file'), Buffer.alloc(100_000, 1));
  linkSync(join(root, 'diff/file'), join(root, 'diff/folder/again'));
  symlinkSync('/', join(root, 'diff/root'));
  writeFileSync(Buffer.concat([Buffer.from(`${root}/diff/`), Buffer.from([0xff, 0xfe])]), 'x');
});
after(() => rmSync(root, { recursive: true }));

test('WritableLayers: the first caller waits for a walk, later ones get it with its time', async () => {
  const layers = new WritableLayers();
  const subject = {};
  const place = { path: join(root, 'diff'), mountpoint: '/store' };
  const first = await layers.usage(subject, place);
  assert.deepEqual([first.inodes, first.mountpoint], [5, '/store']);
  writeFileSync(join(root, 'diff/later'), 'x');
  assert.equal(await layers.usage(subject, place), first);
});

test('WritableLayers: a walk that fails is told and tried again, and stops no other', async () => {
  const layers = new WritableLayers();
  const subject = {};
  const absent = { path: join(root, 'absent'), mountpoint: '/store' };
  await assert.rejects(layers.usage(subject, absent), { code: 'ENOENT' });
  mkdirSync(absent.path);
  assert.equal((await layers.usage(subject, absent)).inodes, 1);
});
