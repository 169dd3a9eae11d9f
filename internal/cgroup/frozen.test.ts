import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isFrozen, isFrozenAt } from './frozen.ts';

let root: string;
before(() => {
  root = mkdtempSync('/tmp/cria-frozen-');
  mkdirSync(join(root, 'scope/container'), { recursive: true });
});
after(() => rmSync(root, { recursive: true }));

function put(file: string, value: '0' | '1'): void {
  writeFileSync(join(root, file), `${value}\n`);
}

test('cgroup v1: by the switch of the container’s own cgroup', async () => {
  const place = { version: 1, own: [join(root, 'scope')] } as const;
  put('scope/freezer.self_freezing', '0');
  assert.equal(await isFrozenAt(place), false);
  put('scope/freezer.self_freezing', '1');
  assert.equal(await isFrozenAt(place), true);
});

test('cgroup v2: also by that of the cgroup which crun makes below it', async () => {
  const place = { version: 2, own: [join(root, 'scope'), join(root, 'scope/container')] } as const;
  put('scope/cgroup.freeze', '0');
  put('scope/container/cgroup.freeze', '0');
  assert.equal(await isFrozenAt(place), false);
  put('scope/container/cgroup.freeze', '1');
  assert.equal(await isFrozenAt(place), true);
});

test('who is gone is not frozen', async () => {
  assert.equal(await isFrozenAt({ version: 2, own: [join(root, 'absent')] }), false);
  const mounts = [{ path: root, controllers: undefined }];
  assert.equal(await isFrozen(mounts, { pid: 0x7fffffff, containerId: 'c0ffee' }), false);
});
