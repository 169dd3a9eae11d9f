import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DaemonPaths } from './daemon-config.ts';
import { worldSnapshot } from './world.ts';

test('directories that come and go while the world is looked at are no error', async () => {
  const root = mkdtempSync(join(tmpdir(), 'cria-world-'));
  const loop = 'while :; do mkdir -p a/b/c b/c/d c/d/e; [ -e on ] || : > on; rm -rf a b c; done';
  const other = spawn('/bin/sh', ['-c', loop], { cwd: root, stdio: 'ignore' });
  const ended = once(other, 'exit');
  try {
    while (!existsSync(join(root, 'on'))) await sleep(10);
    const paths = { runDir: root, dataDir: root, namespacesDir: root, leasesDir: root, storageRoot: root };
    const names = { root, bridge: 'none', cgroupParent: '/cria-world-none' };
    for (let i = 0; i < 40; i++) worldSnapshot({ ...names, paths: paths as DaemonPaths });
  } finally {
    other.kill('SIGKILL');
    await ended;
    rmSync(root, { recursive: true, force: true, maxRetries: 10 });
  }
});
