// What a session sends: frames of its streams in the order in which the socket takes them, answers at once.

import type { Duplex } from 'node:stream';
import { flagFin, writeDataHead } from './frames.ts';
import type { SpdyStream } from './stream.ts';

const headBytes = 8;
/** A smaller payload is copied behind its head: one write in place of two. */
const copyMaxBytes = 4 * 1024;
/** What one frame carries at most. A Go client holds a frame whole before it looks at it. */
const payloadMaxBytes = 256 * 1024;

export interface Outgoing {
  readonly stream: SpdyStream;
  readonly chunks: readonly Buffer[];
  /** The stream ends behind them. */
  readonly isLast: boolean;
  readonly done: () => void;
}

/** Each stream has one entry at most in the queue, so its length is bounded, and all get their turn. */
export class FrameQueue {
  readonly #socket: Duplex;
  readonly #onDrain: () => void;
  #waiting: Outgoing[] = [];

  constructor(socket: Duplex, onDrain: () => void) {
    this.#socket = socket;
    this.#onDrain = onDrain;
    socket.on('drain', () => this.#drain());
  }

  /** The socket has as much as it should hold. */
  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain;
  }

  send(entry: Outgoing): void {
    if (this.isBlocked || this.#waiting.length > 0) this.#waiting.push(entry);
    else this.#emit(entry);
  }

  /** Ahead of all that waits; for frames of a few bytes. */
  sendNow(frame: Buffer): void {
    if (this.#socket.writable) this.#socket.write(frame);
  }

  /** Nothing that waits is sent any more. */
  close(): void {
    this.#waiting = [];
  }

  #drain(): void {
    this.#onDrain();
    while (!this.isBlocked) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#emit(next);
    }
  }

  #emit({ stream, chunks, isLast, done }: Outgoing): void {
    if (stream.isSendable && this.#socket.writable) {
      for (const chunk of chunks) this.#data(stream.id, chunk);
      if (isLast) this.#data(stream.id, Buffer.alloc(0), flagFin);
    }
    done();
  }

  #data(id: number, payload: Buffer, flags = 0): void {
    if (payload.length <= copyMaxBytes) {
      const frame = Buffer.allocUnsafe(headBytes + payload.length);
      writeDataHead(frame, id, flags, payload.length);
      frame.set(payload, headBytes);
      this.#socket.write(frame);
      return;
    }
    this.#socket.cork();
    for (let at = 0; at < payload.length; at += payloadMaxBytes) {
      const part = payload.subarray(at, at + payloadMaxBytes);
      const head = Buffer.allocUnsafe(headBytes);
      writeDataHead(head, id, flags, part.length);
      this.#socket.write(head);
      this.#socket.write(part);
    }
    this.#socket.uncork();
  }
}
