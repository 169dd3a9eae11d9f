import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { getXattr, setXattr } from '../sys/nodes.ts';
import { relabel } from './relabel.ts';

const label = 'system_u:object_r:container_file_t:s0:c1,c2';

/** Any process with CAP_SYS_ADMIN may set the attribute where SELinux is off. */
function whyNot(): string | false {
  const directory = mkdtempSync(join(tmpdir(), 'cria-relabel-'));
  try {
    setXattr(directory, 'security.selinux', Buffer.from('a:b:c:s0'));
    return false;
  } catch (cause) {
    return `cannot set labels in ${tmpdir()}: ${(cause as Error).message}`;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const labelAt = (path: string) => getXattr(path, 'security.selinux')?.toString().replace(/\0$/, '');

test('a tree gets the label, and nothing that links lead to', { skip: whyNot() }, async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'cria-relabel-'));
  t.after(() => rmSync(root, { recursive: true }));
  const [tree, outside] = [join(root, 'tree'), join(root, 'outside')];
  mkdirSync(join(tree, 'a/b'), { recursive: true });
  mkdirSync(outside);
  for (const file of ['top', 'a/b/deep', '../outside/file']) writeFileSync(join(tree, file), '');
  symlinkSync('../outside', join(tree, 'link'));
  const before = labelAt(outside);
  await relabel({ path: tree, label });
  for (const path of ['', 'top', 'a', 'a/b', 'a/b/deep', 'link'])
    assert.equal(labelAt(join(tree, path)), label, path);
  for (const path of [outside, join(outside, 'file')]) assert.equal(labelAt(path), before);
  await relabel({ path: join(outside, 'file'), label });
  assert.equal(labelAt(join(outside, 'file')), label);
});

test('a top with the label can stand for the tree', { skip: whyNot() }, async (t) => {
  const tree = mkdtempSync(join(tmpdir(), 'cria-relabel-'));
  t.after(() => rmSync(tree, { recursive: true }));
  await relabel({ path: tree, label });
  const late = join(tree, 'late');
  writeFileSync(late, '');
  setXattr(late, 'security.selinux', Buffer.from('a:b:c:s0'));
  await relabel({ path: tree, label, trustsTop: true });
  assert.equal(labelAt(late), 'a:b:c:s0');
  await relabel({ path: tree, label: `${label}9`, trustsTop: true });
  assert.equal(labelAt(late), `${label}9`);
});

test('directories of the node, and what is not there, are refused', async () => {
  for (const path of ['/', '/etc', '/usr', '/var/lib', '/run'])
    await assert.rejects(relabel({ path, label }), {
      kind: 'invalid-argument',
      message: /the node needs it/,
    });
  await assert.rejects(relabel({ path: '/nothing/here', label }), {
    kind: 'failed-precondition',
    message: '"/nothing/here" cannot be relabelled for a pod (ENOENT)',
  });
});
