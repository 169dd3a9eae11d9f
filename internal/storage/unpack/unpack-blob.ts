// The main thread's side of unpacking: feeds a blob to a worker no faster than it is used up.

import { DaemonError } from '../../errors/daemon-error.ts';
import { countSpent } from '../../sys/spent-buffers.ts';
import type { UnpackCommand, UnpackedLayer, UnpackOrder, UnpackReport } from './unpack-protocol.ts';
import type { UnpackWorker, UnpackWorkers } from './unpack-workers.ts';

export interface UnpackRequest {
  readonly blob: AsyncIterable<Uint8Array>;
  readonly maxBlobBytes: number;
  readonly order: UnpackOrder;
}

/**
 * Unpacks a blob as the order says. Rejects with the blob's own error, the worker's reason (a DaemonError), or the
 * signal's; no worker is in the directory then. What it made stays for the caller to delete.
 */
export async function unpackBlob(
  workers: UnpackWorkers,
  request: UnpackRequest,
  signal: AbortSignal,
): Promise<UnpackedLayer> {
  signal.throwIfAborted();
  const worker = workers.take();
  const conversation = new Conversation(worker);
  const onAbort = (): void => conversation.fail(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    conversation.begin(request.order);
    await feed(request.blob, request.maxBlobBytes, conversation);
    const layer = await conversation.result;
    await workers.giveBack(worker);
    return layer;
  } catch (cause) {
    await workers.end(worker);
    throw cause;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function feed(
  blob: AsyncIterable<Uint8Array>,
  maxBlobBytes: number,
  conversation: Conversation,
): Promise<void> {
  const source = blob[Symbol.asyncIterator]();
  let totalBytes = 0;
  try {
    for (;;) {
      const next = await conversation.orFailure(source.next());
      if (next.done === true) break;
      totalBytes += next.value.byteLength;
      if (totalBytes > maxBlobBytes) throw tooLong(maxBlobBytes);
      await conversation.send(next.value);
      countSpent(next.value.byteLength);
    }
  } catch (cause) {
    // Let the source close its connection; nobody waits for it.
    void Promise.resolve(source.return?.()).catch(() => {});
    throw cause;
  }
  conversation.end();
}

function tooLong(maxBlobBytes: number): DaemonError {
  return new DaemonError(
    'failed-precondition',
    `is longer than the ${maxBlobBytes} bytes that its manifest says`,
  );
}

/** The worker's file system is full: who asked knows which one that is. */
export class NoSpaceError extends Error {
  override readonly name = 'NoSpaceError';
}

/** What has been sent and what has come back. */
class Conversation {
  readonly result: Promise<UnpackedLayer>;
  readonly #worker: UnpackWorker;
  #succeed: (layer: UnpackedLayer) => void = () => {};
  #reject: (cause: unknown) => void = () => {};
  #onRoom: () => void = () => {};
  #failure: { readonly cause: unknown } | undefined;
  #onFailure: (cause: unknown) => void = () => {};

  constructor(worker: UnpackWorker) {
    this.#worker = worker;
    this.result = new Promise((resolve, reject) => {
      this.#succeed = resolve;
      this.#reject = reject;
    });
    this.result.catch(() => {}); // it is waited for later, or another failure came first
    const { thread } = worker;
    thread.on('message', (report: UnpackReport) => this.#receive(report));
    thread.on('error', (cause) => this.fail(new DaemonError('internal', 'unpacking worker failed', cause)));
    thread.on('exit', () => this.fail(new DaemonError('internal', 'unpacking worker ended early')));
  }

  /**
   * Settles like `promise`, or rejects as soon as the worker has failed. One at a time, and nothing of a settled one is
   * kept: a reaction on `result` for each chunk would hold the whole blob in memory.
   */
  orFailure<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#onFailure = reject;
      promise.then(resolve, reject);
      if (this.#failure !== undefined) reject(this.#failure.cause);
    });
  }

  begin(order: UnpackOrder): void {
    const command: UnpackCommand = { order };
    this.#worker.ring.restart();
    this.#worker.thread.postMessage(command);
  }

  /** Resolves when the worker has all of the chunk or room for it. */
  async send(chunk: Uint8Array): Promise<void> {
    const { ring } = this.#worker;
    for (let sent = ring.write(chunk); sent < chunk.length; sent += ring.write(chunk.subarray(sent))) {
      const room = new Promise<void>((resolve) => {
        this.#onRoom = resolve;
      });
      if (ring.mustWait()) await this.orFailure(room);
    }
  }

  end(): void {
    this.#worker.ring.end();
  }

  fail(cause: unknown): void {
    this.#failure ??= { cause };
    this.#reject(cause);
    this.#onFailure(cause);
  }

  #receive(report: UnpackReport): void {
    if ('hasRoom' in report) {
      this.#onRoom();
    } else if ('done' in report) {
      this.#succeed(report.done);
    } else {
      const { kind, message, isDiskFull } = report.failed;
      this.fail(isDiskFull ? new NoSpaceError(message) : new DaemonError(kind, message));
    }
  }
}
