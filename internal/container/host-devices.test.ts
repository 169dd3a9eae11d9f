import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { lookUpDevices } from './host-devices.ts';

test('a directory that goes while devices are looked for is one without devices', async () => {
  const hostPath = mkdtempSync(join(tmpdir(), 'devices-'));
  const bus = join(hostPath, 'bus');
  let isDone = false;
  const comingAndGoing = (async () => {
    while (!isDone) {
      await mkdir(bus);
      await rmdir(bus);
    }
  })();
  try {
    for (let round = 0; round < 300; round += 1) {
      const looking = lookUpDevices([{ hostPath, containerPath: '/dev/bus', permissions: 'rw' }]);
      await assert.rejects(looking, /is not a device node or a directory with some$/);
    }
  } finally {
    isDone = true;
    await comingAndGoing;
    rmSync(hostPath, { recursive: true });
  }
});

test('a device is found by its whole path, wherever the daemon was started', async () => {
  const hostPath = relative(process.cwd(), '/dev/null');
  const looking = lookUpDevices([{ hostPath, containerPath: '/dev/null', permissions: 'rw' }]);
  await assert.rejects(looking, { kind: 'invalid-argument', message: /is not an absolute path$/ });
});
