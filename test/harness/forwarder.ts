// A client that forwards ports of this machine into a pod, as crictl and kubectl do, until it is ended.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { startPiped } from './piped-command.ts';

export class Forwarder {
  readonly process: ChildProcess;
  /** Of this machine, in the order of those that were asked for; known when `start` has resolved. */
  ports: readonly number[] = [];
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

  /** Resolves when it listens for all its ports, which stand at the end of the command line. Must be ended. */
  static async start(argv: readonly string[]): Promise<Forwarder> {
    const wanted = argv.filter((argument) => /^:\d+$/.test(argument)).length;
    const forwarder = new Forwarder(argv);
    await new Promise<void>((resolve, reject) => {
      forwarder.process.stdout?.on('data', () => {
        const found = [...forwarder.said.matchAll(/Forwarding from 127\.0\.0\.1:(\d+) /g)];
        forwarder.ports = found.map(([, port]) => Number(port));
        if (found.length === wanted) resolve();
      });
      forwarder.process.once('error', reject);
      forwarder.process.once('close', () => reject(new Error(`${argv[0]} has ended: ${forwarder.said}`)));
    });
    return forwarder;
  }

  /** The first of them. */
  get port(): number {
    return this.ports[0] ?? 0;
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
