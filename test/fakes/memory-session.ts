// A StreamSession whose command is the test itself.

import { PassThrough } from 'node:stream';
import type { StreamExit, StreamSession, TerminalSize } from '../../internal/monitor/stream-session.ts';

export class MemorySession implements StreamSession {
  readonly stdin = new PassThrough({ highWaterMark: 64 * 1024 });
  readonly stdout = new PassThrough({ highWaterMark: 64 * 1024 });
  readonly stderr = new PassThrough({ highWaterMark: 64 * 1024 });
  readonly exit: Promise<StreamExit>;
  readonly sizes: TerminalSize[] = [];
  isClosed = false;
  #resolve: (exit: StreamExit) => void = () => {};
  #reject: (cause: Error) => void = () => {};

  constructor() {
    this.exit = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.exit.catch(() => {});
  }

  /** The command exits: both outputs end behind what was written. */
  exits(code: number): void {
    this.stdout.end();
    this.stderr.end();
    this.#resolve({ code, signal: undefined });
  }

  fails(cause: Error): void {
    this.#reject(cause);
    this.stdout.destroy();
    this.stderr.destroy();
  }

  async resize(size: TerminalSize): Promise<void> {
    this.sizes.push(size);
  }

  async signal(): Promise<void> {}

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.fails(new Error('closed'));
  }
}
