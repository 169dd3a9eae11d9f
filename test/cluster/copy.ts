// `kubectl cp`, which is a tar through exec.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { command } from '../harness/command.ts';
import type { ClusterWorld } from './cluster-world.ts';
import { allKubectls } from './kubectl.ts';
import { pod, shell, waits } from './manifests.ts';

const name = 'copied';

/** A tree with a file that needs many packets, an empty one, and many small ones. */
function writeTree(folder: string): void {
  mkdirSync(join(folder, 'deep/deeper'), { recursive: true });
  writeFileSync(join(folder, 'large'), randomBytes(32 << 20));
  writeFileSync(join(folder, 'empty'), '');
  writeFileSync(join(folder, 'deep/with a space'), 'text\n');
  for (let n = 0; n < 200; n++) writeFileSync(join(folder, `deep/deeper/${n}`), randomBytes(n * 7));
}

export function testCopy(world: ClusterWorld): void {
  let folder = '';
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cria-cluster-copy-'));
    writeTree(join(folder, 'tree'));
    await world.ready(pod(name, shell(waits)));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const [index, kubectl] of allKubectls().entries()) {
    test(`${kubectl.title}: a directory goes into the pod and comes back the same`, async () => {
      await kubectl.run('cp', join(folder, 'tree'), `${name}:/tmp/there-${index}`);
      await kubectl.run('cp', `${name}:/tmp/there-${index}`, join(folder, `back-${index}`));
      await command(['diff', '-r', join(folder, 'tree'), join(folder, `back-${index}`)]);
    });
  }

  test('a file comes back through a pipe of exec', async () => {
    const [kubectl] = allKubectls();
    await kubectl?.run('exec', name, '--', 'sh', '-c', 'cat /tmp/there-0/deep/deeper/199 > /tmp/one');
    await kubectl?.run('cp', `${name}:/tmp/one`, join(folder, 'one'));
    assert.deepEqual(readFileSync(join(folder, 'one')), readFileSync(join(folder, 'tree/deep/deeper/199')));
  });
}
