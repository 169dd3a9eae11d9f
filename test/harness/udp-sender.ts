// Somebody who sends by UDP all the time, from one port, and hears the answers.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { patienceMs } from './until.ts';

const program = `const [host, port] = process.argv.slice(1);
const socket = require('dgram').createSocket('udp4');
socket.on('message', () => console.log('answered'));
socket.on('error', () => {});
socket.bind(() => setInterval(() => socket.send('hello', Number(port), host, () => console.log('sent')), 50));`;

export class UdpSender {
  readonly #child: ChildProcess;
  readonly #waiting: { readonly word: string; count: number; readonly resolve: () => void }[] = [];

  /** Sends from a network namespace until `end`. */
  constructor(netns: string, host: string, port: number) {
    const argv = [`--net=${netns}`, process.execPath, '-e', program, host, String(port)];
    const child = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => this.#heard(line));
  }

  /** Resolves when it has sent so many times more. */
  sent(count: number): Promise<void> {
    return this.#next('sent', count);
  }

  /** Resolves with the next answer; rejects when none comes. */
  async answered(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('still no answer to UDP')), patienceMs);
    });
    await Promise.race([this.#next('answered', 1), silence]).finally(() => clearTimeout(timer));
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }

  #next(word: string, count: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ word, count, resolve }));
  }

  #heard(line: string): void {
    for (const one of this.#waiting) {
      if (one.word !== line) continue;
      one.count -= 1;
      if (one.count <= 0) one.resolve();
    }
  }
}
