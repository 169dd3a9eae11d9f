// The main thread's side of unpacking: feeds a blob to a worker no faster than it is used up.

import type { Worker } from 'node:worker_threads';
import { DaemonError } from '../../errors/daemon-error.ts';
import { magicBytes } from './decoder.ts';
import type { UnpackCommand, UnpackedLayer, UnpackOrder, UnpackReport } from './unpack-protocol.ts';
import type { UnpackWorkers } from './unpack-workers.ts';

/** Network chunks go together: each message costs a thread switch. */
const pieceBytes = 128 * 1024;
/** More are joined: each is a turn of the decoder. */
const maxPieces = 8;
const maxInFlightBytes = 2 * 1024 * 1024;

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
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let totalBytes = 0;
  try {
    for (;;) {
      const next = await conversation.orFailure(source.next());
      if (next.done === true) break;
      waiting.push(next.value);
      waitingBytes += next.value.byteLength;
      totalBytes += next.value.byteLength;
      if (totalBytes > maxBlobBytes) throw tooLong(maxBlobBytes);
      if (waitingBytes < pieceBytes) continue;
      await conversation.send(piecesOf(waiting, waitingBytes), waitingBytes);
      [waiting, waitingBytes] = [[], 0];
    }
  } catch (cause) {
    // Let the source close its connection; nobody waits for it.
    void Promise.resolve(source.return?.()).catch(() => {});
    throw cause;
  }
  if (waitingBytes > 0) await conversation.send(piecesOf(waiting, waitingBytes), waitingBytes);
  conversation.end();
}

function tooLong(maxBlobBytes: number): DaemonError {
  return new DaemonError(
    'failed-precondition',
    `is longer than the ${maxBlobBytes} bytes that its manifest says`,
  );
}

/** The chunks as pieces that can be handed over; many small ones are joined, also because the first has to tell the format. */
function piecesOf(chunks: readonly Uint8Array[], totalBytes: number): Uint8Array<ArrayBuffer>[] {
  if (chunks.length <= maxPieces && (chunks[0]?.byteLength ?? 0) >= magicBytes) return chunks.map(owned);
  const out = Buffer.allocUnsafeSlow(totalBytes);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.byteLength;
  }
  return [out];
}

/** A chunk of a socket has a buffer of its own; a part of a larger one, which others may use, is copied. */
function owned(chunk: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = chunk;
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  return isWhole ? (chunk as Uint8Array<ArrayBuffer>) : new Uint8Array(chunk);
}

/** The worker's file system is full: who asked knows which one that is. */
export class NoSpaceError extends Error {
  override readonly name = 'NoSpaceError';
}

/** What has been sent and what has come back. */
class Conversation {
  readonly result: Promise<UnpackedLayer>;
  readonly #worker: Worker;
  #succeed: (layer: UnpackedLayer) => void = () => {};
  #reject: (cause: unknown) => void = () => {};
  #inFlightBytes = 0;
  #onRoom: () => void = () => {};
  #failure: { readonly cause: unknown } | undefined;
  #onFailure: (cause: unknown) => void = () => {};

  constructor(worker: Worker) {
    this.#worker = worker;
    this.result = new Promise((resolve, reject) => {
      this.#succeed = resolve;
      this.#reject = reject;
    });
    this.result.catch(() => {}); // it is waited for later, or another failure came first
    worker.on('message', (report: UnpackReport) => this.#receive(report));
    worker.on('error', (cause) => this.fail(new DaemonError('internal', 'unpacking worker failed', cause)));
    worker.on('exit', () => this.fail(new DaemonError('internal', 'unpacking worker ended early')));
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
    this.#post({ order });
  }

  async send(pieces: readonly Uint8Array<ArrayBuffer>[], bytes: number): Promise<void> {
    this.#inFlightBytes += bytes;
    this.#post(
      { pieces },
      pieces.map(({ buffer }) => buffer),
    );
    while (this.#inFlightBytes >= maxInFlightBytes) {
      await this.orFailure(
        new Promise<void>((resolve) => {
          this.#onRoom = resolve;
        }),
      );
    }
  }

  end(): void {
    this.#post({ end: true });
  }

  fail(cause: unknown): void {
    this.#failure ??= { cause };
    this.#reject(cause);
    this.#onFailure(cause);
  }

  #post(command: UnpackCommand, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(command, transfer);
  }

  #receive(report: UnpackReport): void {
    if ('consumedBytes' in report) {
      this.#inFlightBytes -= report.consumedBytes;
      this.#onRoom();
    } else if ('done' in report) {
      this.#succeed(report.done);
    } else {
      const { kind, message, isDiskFull } = report.failed;
      this.fail(isDiskFull ? new NoSpaceError(message) : new DaemonError(kind, message));
    }
  }
}
