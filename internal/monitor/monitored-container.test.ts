import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { DaemonError } from '../errors/daemon-error.ts';
import { encodeControl } from './frames.ts';
import type { ExitRecord } from './monitor.ts';
import { monitorPaths } from './monitor-paths.ts';
import { MonitoredContainer } from './monitored-container.ts';

const id = 'a'.repeat(64);

describe('a monitor that hangs or goes without a word', () => {
  let root: string;
  let container: MonitoredContainer;
  let exit: Promise<ExitRecord>;
  let peer: Socket | undefined;
  let proto = [1, 1];
  const server = createServer((socket) => {
    peer = socket.on('error', () => {});
    socket.once('data', () => socket.write(encodeControl({ seq: 1, proto, id, version: '0', features: [] })));
  });

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'cria-monitored-'));
    const paths = monitorPaths({ socketsDir: root, exitsDir: root, exitCodesDir: undefined }, id);
    mkdirSync(paths.directory);
    await new Promise<void>((resolve) => server.listen(paths.socket, resolve));
    exit = new Promise((resolve) => {
      container = new MonitoredContainer(paths, {
        onExit: resolve,
        replacement: { replace: async () => undefined, forget: () => {} },
      });
    });
  });
  afterEach(async () => {
    container.detach();
    peer?.destroy();
    await new Promise((resolve) => server.close(resolve));
    rmSync(root, { recursive: true });
  });

  test('the exit of an init that nobody can ask any more is told', async () => {
    await container.connect();
    container.watch(undefined);
    peer?.destroy();
    assert.equal((await exit).reason, 'MonitorLost');
  });

  test('a record that cannot be read is none', async () => {
    mkdirSync(container.paths.exitFile);
    await container.connect();
    container.watch(undefined);
    peer?.destroy();
    assert.equal((await exit).reason, 'MonitorLost');
  });

  test('a monitor that speaks only newer protocols is one that nobody can talk to', async () => {
    proto = [2, 3];
    await assert.rejects(
      container.connect(),
      (error: DaemonError) => error.kind === 'unavailable' && /speaks protocol 2 to 3/.test(error.message),
    );
    proto = [1, 9];
    await container.connect();
    assert.ok(container.hasMonitor);
  });

  test('silence rejects the request', async () => {
    const connection = await container.connect();
    await assert.rejects(
      connection.request('state', {}, 20),
      (error: DaemonError) => error.kind === 'unavailable' && /does not answer \(state\)/.test(error.message),
    );
  });
});
