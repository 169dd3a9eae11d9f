import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasKind } from '../errors/daemon-error.ts';
import { openExec } from './open-session.ts';
import type { Spawner } from './spawner.ts';

const request = {
  ...{
    containerId: 'c1',
    runtimePath: '/bin/false',
    runtimeArgs: [],
    env: {},
    process: {},
    cgroup: undefined,
  },
  ...{ timeoutMs: 0, terminal: false, stdin: true, terminalSize: undefined },
};

test('a command whose client left while it was started is ended, not left to itself', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'open-session-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const leave = new AbortController();
  // As the command's monitor does: it waits for its one client, and ends the command with the connection.
  const monitor = createServer();
  t.after(() => monitor.close());
  const ended = once(monitor, 'connection').then(async ([client]: Socket[]) => {
    await once(client!.resume(), 'close');
  });
  const spawn = async ({ config }: { config: Buffer }): Promise<number> => {
    const { socket } = JSON.parse(config.toString()) as { socket: string };
    await once(monitor.listen(socket), 'listening');
    leave.abort(new Error('the client has left'));
    return 1;
  };
  const parts = { monitorPath: '', directory, spawner: { spawn } as unknown as Spawner };
  const session = await openExec(parts, request, leave.signal);
  await ended;
  await assert.rejects(session.exit, (cause) => hasKind(cause, 'cancelled'));
});
