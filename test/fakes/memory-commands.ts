// A stream server whose commands are the test itself.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { silentLogger } from '../../internal/log/logger.ts';
import { streamMetrics } from '../../internal/metrics/stream-metrics.ts';
import type { CommandStreams } from '../../internal/streaming/stream-client.ts';
import { StreamServer } from '../../internal/streaming/stream-server.ts';
import type { ChannelClient } from '../harness/channel-client.ts';
import { MemorySession } from './memory-session.ts';

export const serverSettings = {
  address: { host: '127.0.0.1', port: 0 },
  timeouts: { idleMs: 4_321_000, creationMs: 10_000 },
  identity: undefined,
};

export const allStreams: CommandStreams = { stdin: true, stdout: true, stderr: true, terminal: false };

export class MemoryCommands {
  readonly registry = new Registry();
  readonly metrics = streamMetrics(this.registry);
  readonly server = new StreamServer(serverSettings, this.metrics, silentLogger);
  /** What the next offer leads to. */
  session = new MemorySession();

  async start(): Promise<void> {
    await this.server.listen();
  }

  async close(): Promise<void> {
    await this.server.close();
  }

  /** The URL of a command that is `session`. */
  offer(streams = allStreams, kind: 'exec' | 'attach' = 'exec', owner = 'c1'): string {
    const mine = this.session;
    const open = async (signal: AbortSignal) => {
      signal.addEventListener('abort', () => mine.close());
      if (signal.aborted) mine.close();
      return mine;
    };
    return this.server.offer({ kind, owner, streams, open });
  }

  /** The command exits, and its client closes well. */
  async exit(client: ChannelClient, code: number): Promise<void> {
    this.session.exits(code);
    assert.equal(await client.closed, 1000);
  }

  /** A client hears of the end before the server does. */
  async noneLive(): Promise<void> {
    const deadline = performance.now() + 30_000;
    while (!/kind="exec"\} 0$/m.test(await this.registry.getSingleMetricAsString('cria_stream_sessions'))) {
      if (performance.now() > deadline) assert.fail('sessions are left');
      await sleep(5);
    }
  }
}
