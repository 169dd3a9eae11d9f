// A person at a terminal: a program under a pseudoterminal, what is on its screen, and keys for it.

import { type IPty, spawn } from '@lydell/node-pty';
import { patienceMs } from './until.ts';

export class Person {
  /** All that the terminal was sent. */
  screen = '';
  /** The exit code of the program, or 128 and the signal that ended it. */
  readonly exit: Promise<number>;
  readonly #pty: IPty;
  readonly #waiting = new Set<() => void>();
  #hasEnded = false;
  #seen = 0;

  /** Starts the program on a terminal of 80 columns and 24 rows. It must be awaited to its end, or hung up. */
  constructor(argv: readonly string[]) {
    const [program = '', ...args] = argv;
    this.#pty = spawn(program, args, { name: 'xterm', cols: 80, rows: 24, env: process.env });
    this.#pty.onData((text) => {
      this.screen += text;
      for (const ask of this.#waiting) ask();
    });
    this.exit = new Promise((resolve) => {
      this.#pty.onExit(({ exitCode, signal = 0 }) => {
        this.#hasEnded = true;
        resolve(signal === 0 ? exitCode : 128 + signal);
      });
    });
  }

  get pid(): number {
    return this.#pty.pid;
  }

  type(keys: string): void {
    this.#pty.write(keys);
  }

  resize(columns: number, rows: number): void {
    this.#pty.resize(columns, rows);
  }

  /** Ends the program as a closed window does, if it runs still. */
  hangUp(): void {
    if (!this.#hasEnded) this.#pty.kill('SIGHUP');
  }

  /** Waits until the pattern is on the screen behind what an earlier wait has found; resolves with the match. */
  async sees(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const ask = (): void => {
        const found = pattern.exec(this.screen.slice(this.#seen));
        if (found === null) return;
        this.#seen += found.index + found[0].length;
        clearTimeout(timer);
        this.#waiting.delete(ask);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(ask);
        reject(new Error(`no ${pattern} in ${JSON.stringify(this.screen.slice(this.#seen))}`));
      }, patienceMs);
      this.#waiting.add(ask);
      ask();
    });
  }

  /** At the prompt of a shell: its terminal gets the size that a person's window has at first. */
  async seesFirstSize(): Promise<void> {
    await this.#seesSize('24 80');
  }

  /** At the prompt of a shell with a terminal of its own: Ctrl-C ends a command, and a new size of the window arrives. */
  async interruptsAndResizes(): Promise<void> {
    // said by who is to be interrupted: before that the shell itself may be the one that the terminal's signals go to
    this.type('sh -c \'echo sleep""ing; exec sleep 1000\'\r');
    await this.sees(/\nsleeping\r/);
    this.type('\u0003');
    await this.sees(/\/ # /);
    this.resize(101, 33);
    await this.#seesSize('33 101');
  }

  async #seesSize(size: string): Promise<void> {
    this.type(`until [ "$(stty size)" = "${size}" ]; do sleep 0.05; done; echo si""zed\r`);
    await this.sees(/\nsized\r/);
  }
}
