// A client that runs on while a test listens to its stdout and writes to its stdin.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { startPiped } from '../harness/piped-command.ts';

const limitMs = 30_000;

export class Listener {
  readonly process: ChildProcess;
  /** All of its stdout. */
  said = '';
  /** Resolves with its code when it has ended and all is said. */
  readonly ended: Promise<number | null>;

  /** Starts it. It must end, or be killed. */
  constructor(argv: readonly string[]) {
    this.process = startPiped(argv);
    this.ended = (once(this.process, 'close') as Promise<[number | null]>).then(([code]) => code);
    this.process.stdout?.on('data', (chunk: Buffer) => {
      this.said += chunk;
    });
  }

  /** Resolves when it has said the text. */
  async hears(text: string): Promise<void> {
    const signal = AbortSignal.timeout(limitMs);
    while (!this.said.includes(text))
      await once(this.process.stdout as Readable, 'data', { signal }).catch((cause) => {
        throw new Error(`it has not said "${text}" but ${JSON.stringify(this.said)}`, { cause });
      });
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.ended;
  }
}
