// A server of somebody else that a test runs: its words go to a log, and a failure shows the end of it.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const startLimitMs = 120_000;
const stopLimitMs = 30_000;

export class ServerProgram {
  readonly logFile: string;
  readonly #argv: readonly string[];
  #process: ChildProcess | undefined;

  constructor(argv: readonly string[], logFile: string) {
    this.#argv = argv;
    this.logFile = logFile;
  }

  get #name(): string {
    return this.#argv[0] ?? '';
  }

  /** Resolves when `answers` first does, however it does; rejects when the program ends before, or takes too long. */
  async start(answers: () => Promise<unknown>): Promise<void> {
    const log = openSync(this.logFile, 'a');
    const child = spawn(this.#name, this.#argv.slice(1), { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#process = child;
    const failed = new Promise<never>((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(this.#failure(`ended with ${code}`)));
    });
    failed.catch(() => undefined);
    const asked = () => answers().then(Boolean, () => false);
    const deadline = performance.now() + startLimitMs;
    while (!(await Promise.race([failed, asked()]))) {
      if (performance.now() > deadline) throw this.#failure(`does not answer after ${startLimitMs} ms`);
      await sleep(100);
    }
  }

  #failure(what: string): Error {
    return new Error(`${this.#name} ${what}; the end of its log:\n${this.logTail()}`);
  }

  /** Ends it, in a way that it can refuse for some time only. */
  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
    await ended;
    clearTimeout(timer);
  }

  log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
  }

  logTail(lines = 15): string {
    return this.log().split('\n').slice(-lines).join('\n');
  }
}
