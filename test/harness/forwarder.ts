// A client that forwards one port of this machine into a pod, as crictl and kubectl do, until it is ended.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { startPiped } from './piped-command.ts';

export class Forwarder {
  readonly process: ChildProcess;
  /** Of this machine; known when `start` has resolved. */
  port = 0;
  /** All that it wrote. */
  said = '';
  readonly #closed: Promise<unknown>;

  private constructor(argv: readonly string[]) {
    this.process = startPiped(argv);
    this.#closed = once(this.process, 'close');
    for (const stream of [this.process.stdout, this.process.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.said += chunk;
      });
  }

  /** Resolves when it listens. Must be ended. */
  static async start(argv: readonly string[]): Promise<Forwarder> {
    const forwarder = new Forwarder(argv);
    await new Promise<void>((resolve, reject) => {
      forwarder.process.stdout?.on('data', () => {
        const found = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(forwarder.said)?.[1];
        forwarder.port = Number(found ?? 0);
        if (found !== undefined) resolve();
      });
      forwarder.process.once('error', reject);
      forwarder.process.once('close', () => reject(new Error(`${argv[0]} has ended: ${forwarder.said}`)));
    });
    return forwarder;
  }

  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<void> {
    await this.#closed;
  }

  /** Ends it without a chance to say goodbye; once is enough. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.#closed;
  }
}
