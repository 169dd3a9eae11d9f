// The main thread's side of the thread that makes sockets in network namespaces. A new thread costs 30 ms and some
// MiB, so it is made for the first socket and kept until none was asked for in a while.

import { closeSync } from 'node:fs';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { AddressFamily } from '../sys/thread-network.ts';

const keptForMs = 60_000;
/** It runs a dozen lines of ours; the rest is Node itself. */
const limits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 };

export interface SocketOrder {
  readonly id: number;
  readonly namespacePath: string;
  readonly family: AddressFamily;
}

export interface SocketAnswer {
  readonly id: number;
  readonly fd?: number;
  readonly error?: { readonly message: string; readonly code: string };
}

interface Waiting {
  resolve(fd: number): void;
  reject(cause: Error): void;
}

/** One thread and the answers that it owes. */
interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting>;
  readonly ended: Promise<void>;
}

export class SocketThread {
  #thread: Thread | undefined;
  #idle: NodeJS.Timeout | undefined;
  #lastId = 0;

  /** An unconnected TCP socket of that namespace; the caller closes it, in any case. Fails as the system calls do. */
  open(namespacePath: string, family: AddressFamily): Promise<number> {
    const thread = this.#startedThread();
    this.#lastId += 1;
    const order: SocketOrder = { id: this.#lastId, namespacePath, family };
    return new Promise((resolve, reject) => {
      thread.waiting.set(order.id, { resolve, reject });
      thread.worker.ref();
      thread.worker.postMessage(order);
    });
  }

  /** Ends the thread once it has answered all that it was asked. A later `open` starts another. */
  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const thread = this.#thread;
    if (thread === undefined) return;
    this.#thread = undefined;
    if (thread.waiting.size === 0) await thread.worker.terminate();
    await thread.ended;
  }

  #startedThread(): Thread {
    clearTimeout(this.#idle);
    this.#thread ??= this.#start();
    return this.#thread;
  }

  #start(): Thread {
    const file = new URL(`./socket-worker${extname(import.meta.url)}`, import.meta.url);
    const worker = new Worker(file, { name: 'sockets', resourceLimits: limits });
    const waiting = new Map<number, Waiting>();
    let failure = new Error('the thread that makes sockets has ended');
    worker.on('error', (cause) => (failure = cause as Error));
    const ended = new Promise<void>((resolve) => {
      worker.on('exit', () => {
        if (this.#thread === thread) this.#thread = undefined;
        for (const { reject } of waiting.values()) reject(failure);
        resolve();
      });
    });
    const thread: Thread = { worker, waiting, ended };
    worker.on('message', (answer: SocketAnswer) => this.#deliver(thread, answer));
    return thread;
  }

  #deliver(thread: Thread, { id, fd, error }: SocketAnswer): void {
    const { worker, waiting } = thread;
    const asked = waiting.get(id);
    waiting.delete(id);
    if (fd === undefined) asked?.reject(Object.assign(new Error(error?.message), { code: error?.code }));
    else if (asked === undefined) closeSync(fd);
    else asked.resolve(fd);
    if (waiting.size > 0) return;
    worker.unref();
    if (this.#thread !== thread) void worker.terminate();
    else this.#idle = setTimeout(() => void this.close(), keptForMs).unref();
  }
}
