import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openHandleInRoot, openInRoot } from './resolve-in-root.ts';

/** Moves a file to and fro until it is ended. */
const mover = `
  const { renameSync } = require('node:fs');
  console.log('moving');
  for (;;) {
    renameSync('a', 'folder/a');
    renameSync('folder/a', 'a');
  }`;

test('a path that climbs is found while other files of the machine are moved', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'cria-in-root-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const root = join(directory, 'root');
  mkdirSync(join(root, 'etc'), { recursive: true });
  writeFileSync(join(root, 'passwd'), 'text');
  symlinkSync('../../passwd', join(root, 'etc/passwd'));
  mkdirSync(join(directory, 'folder'));
  writeFileSync(join(directory, 'a'), '');
  const moving = spawn(process.execPath, ['-e', mover], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(moving, 'exit');
  try {
    await once(moving.stdout, 'data');
    for (let count = 0; count < 1000; count += 1) {
      closeSync(openInRoot(root, 'etc/passwd', constants.O_RDONLY));
      const file = await openHandleInRoot(root, 'etc/passwd', constants.O_RDONLY);
      await file.close();
    }
  } finally {
    moving.kill();
    await ended;
  }
  const file = await openHandleInRoot(root, 'etc/passwd', constants.O_RDONLY);
  assert.equal(await file.readFile('utf8').finally(() => file.close()), 'text');
});
