import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { measureTree, treeBytes } from './tree-usage.ts';

let root: string;
before(() => {
  root = mkdtempSync('/var/tmp/cria-tree-');
});
after(() => void execFileSync('rm', ['-rf', root]));

test('measureTree counts blocks, hard links once, names that are no UTF-8, and follows no link', async () => {
  const tree = join(root, 'tree');
  mkdirSync(join(tree, 'folder'), { recursive: true });
  writeFileSync(join(tree, 'file'), Buffer.alloc(100_000, 1));
  linkSync(join(tree, 'file'), join(tree, 'folder/again'));
  symlinkSync('/', join(tree, 'root'));
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff, 0xfe])]), 'x');
  const { bytes, inodes } = await measureTree(tree);
  assert.equal(inodes, 5);
  assert.ok(bytes >= 100_000 && bytes < 200_000, String(bytes));
});

test('what is deeper than a path can name does not stop the count', async () => {
  const deep = join(root, 'deep');
  mkdirSync(deep);
  writeFileSync(join(deep, 'file'), Buffer.alloc(100_000, 1));
  const name = 'n'.repeat(200);
  const script = `for i in $(seq 30); do mkdir ${name} && cd -P ${name} || exit; done`;
  execFileSync('bash', ['-c', script], { cwd: deep, stdio: 'ignore' });
  assert.ok((await measureTree(deep)).bytes >= 100_000);
  assert.ok((await treeBytes(deep)) >= 100_000);
});

test('treeBytes is 0 for what is gone, measureTree says so', async () => {
  const gone = join(root, 'gone');
  assert.equal(await treeBytes(gone), 0);
  await assert.rejects(measureTree(gone), { code: 'ENOENT' });
});
