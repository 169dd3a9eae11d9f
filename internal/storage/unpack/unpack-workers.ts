// The worker threads that unpack. A new one costs 60 ms of a core and starts with cold code, so those that ended well are kept
// for the next layers: a node that starts a pod pulls several images within a minute.

import { once } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { newRingMemory, RingWriter } from './piece-ring.ts';
import type { UnpackCommand } from './unpack-protocol.ts';

const keptWorkers = 4;
const keptForMs = 60_000;
const quitWithinMs = 500;

/** A thread and the way by which it gets its blobs. */
export interface UnpackWorker {
  readonly thread: Worker;
  readonly ring: RingWriter;
}

export class UnpackWorkers {
  readonly #idle = new Map<UnpackWorker, NodeJS.Timeout>();
  #closed = false;

  /** A worker without work; the caller gives it back or ends it. */
  take(): UnpackWorker {
    for (const [worker, timer] of this.#idle) {
      clearTimeout(timer);
      this.#idle.delete(worker);
      worker.thread.ref();
      return worker;
    }
    const workerData = newRingMemory();
    const file = new URL(`./unpack-worker${extname(import.meta.url)}`, import.meta.url);
    return { thread: new Worker(file, { name: 'unpack', workerData }), ring: new RingWriter(workerData) };
  }

  /** Takes back a worker that has finished its layer. */
  async giveBack(worker: UnpackWorker): Promise<void> {
    if (this.#closed || this.#idle.size >= keptWorkers) return this.end(worker);
    const { thread } = worker;
    // By name: without an event, Node's own listeners of the worker go too and no message comes through any more.
    for (const event of ['message', 'error', 'exit']) thread.removeAllListeners(event);
    thread.unref();
    thread.on('error', () => this.#idle.delete(worker));
    const timer = setTimeout(() => {
      this.#idle.delete(worker);
      void thread.terminate();
    }, keptForMs);
    this.#idle.set(worker, timer.unref());
  }

  /**
   * Ends a worker in whatever it does; its descriptors are closed when this resolves. It is asked first, also where it
   * waits for more of its blob: a decoder's native memory is not freed with the thread.
   */
  async end({ thread, ring }: UnpackWorker): Promise<void> {
    if (thread.threadId === -1) return; // it has ended by itself
    const exited = once(thread, 'exit').catch(() => {});
    const quit: UnpackCommand = { quit: true };
    thread.postMessage(quit);
    ring.cut();
    const force = setTimeout(() => void thread.terminate(), quitWithinMs);
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
