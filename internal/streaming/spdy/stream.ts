// One stream of a session, as a Node stream.

import { Duplex } from 'node:stream';
import { keptBytes } from '../../sys/kept-bytes.ts';

/** What waits on either side of a stream before its sender has to. */
const bufferBytes = 256 * 1024;

/** The session, as its streams see it. */
export interface StreamLink {
  /** Sends `chunks` and then, with `isLast`, the end of the stream; `done` follows when they are on their way. */
  send(stream: SpdyStream, chunks: readonly Buffer[], isLast: boolean, done: () => void): void;
  /** The stream's buffer is full: nothing more is to come. */
  pause(stream: SpdyStream): void;
  /** The stream takes data again, or drops it. */
  resume(stream: SpdyStream): void;
  /** Nothing more comes or goes; the client does not know that yet when `isAborted`. */
  closed(stream: SpdyStream, isAborted: boolean): void;
}

export interface StreamUse {
  /** Whether what the client sends is read; else it is dropped. */
  readonly isRead: boolean;
  /**
   * Whether the stream dies alone: a reset by the client destroys it, and its destruction resets it at the client. Else it
   * stays until the session ends: what is sent to or by a side that has dropped it is dropped.
   */
  readonly diesAlone: boolean;
}

/** Errors need no listener: whoever must know of them listens to the session's `gone`. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly #link: StreamLink;
  readonly #use: StreamUse;
  #isInputOver = false;
  #isOutputOver = false;

  constructor(id: number, link: StreamLink, use: StreamUse) {
    super({
      ...{ allowHalfOpen: true, readable: use.isRead, decodeStrings: true },
      ...{ readableHighWaterMark: bufferBytes, writableHighWaterMark: bufferBytes },
    });
    this.id = id;
    this.#link = link;
    this.#use = use;
    this.on('error', () => {});
  }

  /** Whether frames of this stream may still be sent. */
  get isSendable(): boolean {
    return !this.#isOutputOver && !this.destroyed;
  }

  /** Takes what the client has sent. */
  receive(piece: Buffer, isLast: boolean): void {
    if (this.#isInputOver) return;
    const isWanted = this.#use.isRead && piece.length > 0 && !this.destroyed;
    if (isWanted && !this.push(keptBytes(piece))) this.#link.pause(this);
    if (isLast) this.#endInput();
  }

  /** The client has dropped the stream: no frame of it is sent any more. */
  receiveReset(): void {
    this.#isOutputOver = true;
    this.#endInput();
    if (this.#use.diesAlone) this.destroy();
  }

  override _read(): void {
    this.#link.resume(this);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#isOutputOver) done();
    else this.#link.send(this, [chunk], false, done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    const buffers = chunks.map(({ chunk }) => chunk);
    if (this.#isOutputOver) done();
    else this.#link.send(this, buffers, false, done);
  }

  override _final(done: () => void): void {
    if (this.#isOutputOver) {
      done();
      return;
    }
    this.#link.send(this, [], true, () => {
      this.#isOutputOver = true;
      this.#tellClosed();
      done();
    });
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#link.resume(this);
    const isAborted = !this.#isInputOver || !this.#isOutputOver;
    if (this.#use.diesAlone && isAborted) {
      this.#isInputOver = true;
      this.#isOutputOver = true;
      this.#link.closed(this, true);
    }
    done(error);
  }

  #endInput(): void {
    if (!this.#isInputOver && this.#use.isRead && !this.destroyed) this.push(null);
    this.#isInputOver = true;
    this.#link.resume(this); // what waits grows no more, and a stream that has ended does not ask for more
    this.#tellClosed();
  }

  #tellClosed(): void {
    if (this.#isInputOver && this.#isOutputOver) this.#link.closed(this, false);
  }
}
