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
  // One process without children: when it is dead nothing is made any more.
  const loop = `
    const { mkdirSync, rmSync, writeFileSync } = require('node:fs');
    const both = { recursive: true, force: true };
    for (let turn = 0; ; turn++) {
      for (const path of ['a/b/c', 'b/c/d', 'c/d/e']) mkdirSync(path, both);
      if (turn === 0) writeFileSync('on', '');
      for (const path of ['a', 'b', 'c']) rmSync(path, both);
    }`;
  const other = spawn(process.execPath, ['-e', loop], { cwd: root, stdio: 'ignore' });
  const ended = once(other, 'exit');
  try {
    while (!existsSync(join(root, 'on'))) await sleep(10);
    const paths = { runDir: root, dataDir: root, namespacesDir: root, leasesDir: root, storageRoot: root };
    const names = { root, bridge: 'none', cgroupParent: '/cria-world-none' };
    for (let i = 0; i < 40; i++) worldSnapshot({ ...names, paths: paths as DaemonPaths });
  } finally {
    other.kill('SIGKILL');
    await ended;
    rmSync(root, { recursive: true });
  }
});
