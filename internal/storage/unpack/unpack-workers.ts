// The worker threads that unpack. A new one costs 30 ms and starts with cold code, so those that ended well are kept
// for the next layer of the same pull.

import { once } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { UnpackCommand } from './unpack-protocol.ts';

const keptWorkers = 4;
const keptForMs = 10_000;
const quitWithinMs = 500;

export class UnpackWorkers {
  readonly #idle = new Map<Worker, NodeJS.Timeout>();
  #closed = false;

  /** A worker without work; the caller gives it back or ends it. */
  take(): Worker {
    for (const [worker, timer] of this.#idle) {
      clearTimeout(timer);
      this.#idle.delete(worker);
      worker.ref();
      return worker;
    }
    return new Worker(new URL(`./unpack-worker${extname(import.meta.url)}`, import.meta.url), {
      name: 'unpack',
    });
  }

  /** Takes back a worker that has finished its layer. */
  async giveBack(worker: Worker): Promise<void> {
    if (this.#closed || this.#idle.size >= keptWorkers) return this.end(worker);
    // By name: without an event, Node's own listeners of the worker go too and no message comes through any more.
    for (const event of ['message', 'error', 'exit']) worker.removeAllListeners(event);
    worker.unref();
    worker.on('error', () => this.#idle.delete(worker));
    const timer = setTimeout(() => {
      this.#idle.delete(worker);
      void worker.terminate();
    }, keptForMs);
    this.#idle.set(worker, timer.unref());
  }

  /**
   * Ends a worker in whatever it does; its descriptors are closed when this resolves. It is asked first: a decoder's
   * native memory is not freed with the thread.
   */
  async end(worker: Worker): Promise<void> {
    if (worker.threadId === -1) return; // it has ended by itself
    const exited = once(worker, 'exit').catch(() => {});
    const quit: UnpackCommand = { quit: true };
    worker.postMessage(quit);
    const force = setTimeout(() => void worker.terminate(), quitWithinMs);
    await exited;
    clearTimeout(force);
  }

  /** Ends the idle workers. Those at work are ended by whoever uses them. */
  async close(): Promise<void> {
    this.#closed = true;
    const workers = [...this.#idle];
    this.#idle.clear();
    for (const [worker, timer] of workers) {
      clearTimeout(timer);
      await this.end(worker);
    }
  }
}
