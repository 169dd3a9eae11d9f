// A client's connection: its streams, and what ends them. SPDY as Kubernetes speaks it has no flow control, so a stream that
// is not read stops the reading of the whole connection, as in the Go servers.

import { setMaxListeners } from 'node:events';
import type { Duplex } from 'node:stream';
import { DaemonError } from '../../errors/daemon-error.ts';
import { countSpent } from '../../sys/spent-buffers.ts';
import { readingMaxMs } from '../stream-client.ts';
import { FrameQueue } from './frame-queue.ts';
import {
  controlType,
  FrameReader,
  flagFin,
  flagUnidirectional,
  goAwayFrame,
  goAwayStatus,
  pingFrame,
  resetFrame,
  resetStatus,
  synReplyFrame,
} from './frames.ts';
import { HeaderBlocks } from './header-blocks.ts';
import { ProtocolError } from './protocol-error.ts';
import { SpdyStream, type StreamUse } from './stream.ts';

/** Open at once; two for each connection of a port-forward. */
const streamsMax = 4096;
/** What a client that never reads may make us answer before it is not read either. */
const answersMaxBytes = 64 * 1024;
/** A client that is told the end closes the connection; one that is silent for so long is cut off. */
const silenceMs = 10_000;
/** Who does not read does not hear that the client is gone, but who writes does; so pings are sent meanwhile. */
const probeMs = 5_000;

/** A stream that the client wants to open. Unless it is accepted at once it is reset. */
export interface StreamOffer {
  readonly id: number;
  readonly headers: ReadonlyMap<string, string>;
  accept(use: StreamUse): SpdyStream;
}

/** One client's connection. It offers the client's streams, holds up its reading while one of them is full, and ends with it. */
export class SpdySession {
  /** Aborted when the client is gone, was idle for too long, or after `end`. */
  readonly gone: AbortSignal;
  readonly #socket: Duplex;
  readonly #onStream: (offer: StreamOffer) => void;
  readonly #goneBy = new AbortController();
  readonly #reader = new FrameReader({
    onData: (id, piece, isLast) => {
      this.#idle?.refresh();
      this.#streams.get(id)?.receive(piece, isLast);
    },
    onControl: (type, flags, payload) => this.#control(type, flags, payload),
  });
  readonly #headers = new HeaderBlocks();
  readonly #streams = new Map<number, SpdyStream>();
  readonly #full = new Set<SpdyStream>();
  readonly #out: FrameQueue;
  readonly #idle: NodeJS.Timeout | undefined;
  readonly #closed: Promise<void>;
  #lastId = 0;
  #hasReplied = false;
  #isEnding = false;
  #answeredBytes = 0;
  #probing: NodeJS.Timeout | undefined;
  #reading: NodeJS.Timeout | undefined;
  /** Even: odd ones are the client's. */
  #pingId = 0;

  constructor(socket: Duplex, idleMs: number, onStream: (offer: StreamOffer) => void) {
    this.gone = this.#goneBy.signal;
    setMaxListeners(0, this.gone); // one for each connection of a port-forward: no leak
    this.#socket = socket;
    this.#onStream = onStream;
    this.#out = new FrameQueue(socket, () => this.#drained());
    const idle = (): void => this.#lose('the connection was idle for too long');
    this.#idle = idleMs > 0 ? setTimeout(idle, idleMs) : undefined;
    this.#closed = new Promise((resolve) => {
      const closed = (): void => {
        this.#lose('the client has closed the connection');
        clearTimeout(this.#idle);
        clearTimeout(this.#reading);
        resolve();
      };
      if (socket.closed) closed();
      else socket.once('close', closed);
    });
    socket.on('error', () => this.#lose('the connection to the client broke'));
    socket.on('end', () => this.#lose('the client has closed the connection'));
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.resume();
  }

  /** See CommandClient. */
  limitReading(): void {
    if (this.#socket.closed) return;
    this.#reading ??= setTimeout(() => this.#lose('the client has read nothing for too long'), readingMaxMs);
  }

  /**
   * Drops streams that are not finished, tells the client that this is all, and closes. Resolves when the connection is
   * closed: the client has done so, or has been silent for 10 s, behind the last byte that it had to take.
   */
  async end(): Promise<void> {
    this.#finish(goAwayStatus.ok, true);
    await this.#closed;
  }

  #receive(chunk: Buffer): void {
    countSpent(chunk.length);
    if (this.#isEnding) return;
    try {
      this.#reader.push(chunk);
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause;
      this.#lose(`the client does not speak SPDY/3.1: ${cause.message}`, goAwayStatus.protocolError);
    }
  }

  #control(type: number, flags: number, payload: Buffer): void {
    if (this.#isEnding) return;
    this.#idle?.refresh(); // pings count, as in the Go servers: the client lives
    if (type === controlType.synStream) this.#synStream(flags, payload);
    else if (type === controlType.rstStream) this.#streams.get(wordOf(payload, 0))?.receiveReset();
    else if (type === controlType.ping) this.#ping(wordOf(payload, 0));
    else if (type === controlType.goAway) this.#lose('the client has ended the session');
    else if (type === controlType.headers || type === controlType.synReply) {
      this.#headers.read(payload.subarray(4)); // nobody asks for them, but the next block builds on this one
      if ((flags & flagFin) !== 0) this.#streams.get(wordOf(payload, 0))?.receive(Buffer.alloc(0), true);
    }
  }

  #synStream(flags: number, payload: Buffer): void {
    const id = wordOf(payload, 0);
    const headers = this.#headers.read(payload.subarray(10));
    if (id === 0) throw new ProtocolError('a stream has the id 0');
    const isBad = id % 2 === 0 || id <= this.#lastId || (flags & flagUnidirectional) !== 0;
    if (isBad) {
      this.#answer(resetFrame(id, resetStatus.protocolError));
      return;
    }
    this.#lastId = id;
    if (this.#streams.size >= streamsMax) {
      this.#answer(resetFrame(id, resetStatus.refusedStream));
      return;
    }
    let stream: SpdyStream | undefined;
    this.#onStream({ id, headers, accept: (use) => (stream = this.#accept(id, use)) });
    if (stream === undefined) this.#answer(resetFrame(id, resetStatus.protocolError));
    else if ((flags & flagFin) !== 0) stream.receive(Buffer.alloc(0), true);
  }

  #accept(id: number, use: StreamUse): SpdyStream {
    const stream = new SpdyStream(id, this.#link, use);
    this.#streams.set(id, stream);
    this.#answer(synReplyFrame(id, !this.#hasReplied));
    this.#hasReplied = true;
    return stream;
  }

  readonly #link = {
    send: (stream: SpdyStream, chunks: readonly Buffer[], isLast: boolean, done: () => void): void => {
      this.#idle?.refresh();
      for (const chunk of chunks) countSpent(chunk.length);
      this.#out.send({ stream, chunks, isLast, done });
    },
    pause: (stream: SpdyStream): void => {
      this.#full.add(stream);
      this.#socket.pause();
      this.#probing ??= setInterval(() => this.#probe(), probeMs);
    },
    resume: (stream: SpdyStream): void => {
      if (this.#full.delete(stream)) this.#readOn();
    },
    closed: (stream: SpdyStream, isAborted: boolean): void => {
      if (this.#streams.delete(stream.id) && isAborted && !this.#isEnding)
        this.#answer(resetFrame(stream.id, resetStatus.cancel));
    },
  };

  #ping(id: number): void {
    if (id % 2 === 1) this.#answer(pingFrame(id));
  }

  #answer(frame: Buffer): void {
    this.#out.sendNow(frame);
    if (!this.#out.isBlocked) return;
    this.#answeredBytes += frame.length;
    if (this.#answeredBytes > answersMaxBytes) this.#socket.pause();
  }

  #drained(): void {
    this.#idle?.refresh();
    this.#reading?.refresh();
    this.#answeredBytes = 0;
    this.#readOn();
  }

  #readOn(): void {
    const mayRead = this.#full.size === 0 && this.#answeredBytes <= answersMaxBytes;
    if (!mayRead && !this.#isEnding) return;
    clearInterval(this.#probing);
    this.#probing = undefined;
    this.#socket.resume();
  }

  /** What waits to be sent already tells as much. */
  #probe(): void {
    if (this.#out.isBlocked) return;
    this.#pingId += 2;
    this.#out.sendNow(pingFrame(this.#pingId));
  }

  #lose(reason: string, status: number = goAwayStatus.ok): void {
    if (this.gone.aborted) return;
    const wasEnding = this.#isEnding;
    this.#goneBy.abort(new DaemonError('cancelled', reason));
    if (wasEnding) this.#socket.destroy();
    else this.#finish(status, false);
  }

  /** `isPatient`: the client may have much to read before it sees the end. */
  #finish(status: number, isPatient: boolean): void {
    if (this.#isEnding) return;
    const streams = [...this.#streams.values()];
    for (const { id } of streams) this.#out.sendNow(resetFrame(id, resetStatus.cancel));
    this.#isEnding = true;
    clearInterval(this.#probing);
    for (const stream of streams) stream.destroy(this.gone.aborted ? (this.gone.reason as Error) : undefined);
    this.#out.sendNow(goAwayFrame(this.#lastId, status));
    this.#out.close();
    this.#linger(isPatient);
    this.#socket.end();
    this.#socket.resume();
  }

  #linger(isPatient: boolean): void {
    if (this.#socket.closed) return;
    const cut = (): void => void this.#socket.destroy();
    const longest = setTimeout(cut, readingMaxMs);
    let silence: NodeJS.Timeout | undefined;
    const begin = (): void => {
      silence ??= setTimeout(cut, silenceMs);
    };
    if (isPatient) this.#socket.once('finish', begin);
    else begin();
    this.#socket.on('data', () => silence?.refresh());
    this.#socket.once('close', () => {
      clearTimeout(longest);
      clearTimeout(silence);
    });
  }
}

/** The stream id or whatever stands there, without its reserved bit. */
function wordOf(payload: Buffer, at: number): number {
  if (payload.length < at + 4) throw new ProtocolError('a control frame is too short');
  return payload.readUInt32BE(at) & 0x7fffffff;
}
