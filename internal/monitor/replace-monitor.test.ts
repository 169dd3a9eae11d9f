import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DaemonError } from '../errors/daemon-error.ts';
import { silentLogger } from '../log/logger.ts';
import { type ControlConnection, MonitorSilence } from './control-connection.ts';
import type { MonitoredContainer } from './monitored-container.ts';
import { MonitorReplacement } from './replace-monitor.ts';
import type { Spawner } from './spawner.ts';

const id = 'a'.repeat(64);

/** A container whose monitor hangs for so many questions, and a spawner that has nothing of it. */
function world(silences: number, endsAfter = Number.POSITIVE_INFINITY) {
  const seen = { asked: 0, adopted: 0, forgotten: 0, lost: 0 };
  const connection = { hello: { id }, request: async () => ({ phase: 'running' }) };
  const container = {
    isReleased: false,
    hasMonitor: false,
    get hasEnded() {
      return seen.asked >= endsAfter;
    },
    async connect() {
      seen.asked += 1;
      if (seen.asked <= silences) throw new MonitorSilence('hello');
      container.hasMonitor = true;
      return connection as unknown as ControlConnection;
    },
  };
  const spawner = {
    async adopt() {
      seen.adopted += 1;
      throw new DaemonError('not-found', 'nothing is kept of the container');
    },
    forget: () => {
      seen.forgotten += 1;
    },
  };
  const parts = {
    spawner: spawner as unknown as Spawner,
    logger: silentLogger,
    onLost: () => {
      seen.lost += 1;
    },
  };
  const replaced = new MonitorReplacement(parts, id).replace(container as unknown as MonitoredContainer);
  return { seen, container, replaced };
}

describe('a monitor that hangs', () => {
  test('is asked again until it answers, and nobody takes its place', async () => {
    const { seen, container, replaced } = world(5);
    assert.equal(await replaced, undefined);
    assert.ok(container.hasMonitor);
    assert.deepEqual(seen, { asked: 6, adopted: 0, forgotten: 0, lost: 0 });
  });

  test('is left to itself when its container has ended', async () => {
    const { seen, container, replaced } = world(Number.POSITIVE_INFINITY, 3);
    assert.equal(await replaced, undefined);
    assert.equal(container.hasMonitor, false);
    assert.deepEqual(seen, { asked: 3, adopted: 0, forgotten: 0, lost: 0 });
  });
});
