import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { copyNodeFiles } from './copy-node-files.ts';

const root = mkdtempSync(join(tmpdir(), 'copy-node-files-'));
after(() => rmSync(root, { recursive: true, force: true }));
const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const limits = { bytes: 1000, entries: 20, depth: 4 };

function folder(name: string): string {
  const path = join(root, name);
  mkdirSync(path);
  return path;
}

test('a link that leads nowhere costs the others nothing; permissions come along', async () => {
  const source = folder('secrets');
  const target = join(root, 'secrets-copy');
  symlinkSync('/no/such/redhat.repo', join(source, 'a-link'));
  mkdirSync(join(source, 'keys'), { mode: 0o750 });
  writeFileSync(join(source, 'keys/key'), 'key', { mode: 0o640 });
  await copyNodeFiles({ source, target, owner: own }, limits);
  assert.deepEqual(readdirSync(target), ['keys']);
  assert.equal(statSync(join(target, 'keys')).mode & 0o777, 0o750);
  assert.equal(statSync(join(target, 'keys/key')).mode & 0o777, 0o640);
});

test('copies belong to the root of the pod', { skip: own.uid !== 0 && 'needs root' }, async () => {
  const source = folder('owned');
  const target = join(root, 'owned-copy');
  writeFileSync(join(source, 'key'), 'key', { mode: 0o600 });
  await copyNodeFiles({ source, target, owner: { uid: 70_000, gid: 70_001 } }, limits);
  for (const path of [target, join(target, 'key')]) {
    const { uid, gid } = statSync(path);
    assert.deepEqual([uid, gid], [70_000, 70_001]);
  }
});

test('what is too large, endless, or no file is refused by name', async () => {
  const copy = (source: string, name: string) =>
    copyNodeFiles({ source, target: join(root, name), owner: own }, limits);
  const large = folder('large');
  writeFileSync(join(large, 'a'), Buffer.alloc(600));
  writeFileSync(join(large, 'b'), Buffer.alloc(600));
  await assert.rejects(copy(large, 'one'), { kind: 'failed-precondition', message: /large".*too large/ });
  const endless = folder('endless');
  symlinkSync(endless, join(endless, 'again'));
  await assert.rejects(copy(endless, 'two'), { kind: 'failed-precondition' });
  await assert.rejects(copy('/dev/null', 'three'), { message: /"\/dev\/null".*neither a file nor/ });
  await assert.rejects(copy(join(root, 'none'), 'four'), { code: 'ENOENT' });
});
