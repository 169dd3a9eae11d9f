// The frames of SPDY/3.1 (draft-mbelshe-httpbis-spdy-00, 2.2): a head of eight bytes, then the payload.
//   data:    0 and stream id (31 bits) | flags (8) length (24)
//   control: 1, version (15 bits), type (16) | flags (8) length (24)

import { ProtocolError } from './protocol-error.ts';

export const controlType = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  ping: 6,
  goAway: 7,
  headers: 8,
} as const;

export const resetStatus = { protocolError: 1, refusedStream: 3, cancel: 5 } as const;
export const goAwayStatus = { ok: 0, protocolError: 1 } as const;

export const flagFin = 1;
export const flagUnidirectional = 2;

const version = 3;
const headBytes = 8;
/** The length has 24 bits, so data frames need no limit of their own: they are handed on piece by piece. */
const controlMaxBytes = 64 * 1024;

/** What a client's bytes mean, in order. Its methods may throw ProtocolError. */
export interface FrameHandler {
  /** A piece of a stream's data; shares memory with what was read. `isLast`: the client has ended the stream behind it. */
  onData(streamId: number, piece: Buffer, isLast: boolean): void;
  onControl(type: number, flags: number, payload: Buffer): void;
}

/** Cuts a connection's bytes into frames; holds at most one control frame. */
export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #head = Buffer.alloc(headBytes);
  #headFilled = 0;
  #left = 0;
  #control: Buffer | undefined;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** Hands on all that is whole in `chunk`. Throws ProtocolError; nothing can be read behind one. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#headFilled < headBytes) {
        at += this.#fillHead(chunk, at);
        if (this.#headFilled < headBytes || this.#left > 0) continue;
        this.#payload(chunk.subarray(at, at));
      } else {
        const piece = chunk.subarray(at, at + this.#left);
        at += piece.length;
        this.#payload(piece);
      }
    }
  }

  #fillHead(chunk: Buffer, at: number): number {
    const copied = chunk.copy(this.#head, this.#headFilled, at);
    this.#headFilled += copied;
    if (this.#headFilled < headBytes) return copied;
    this.#left = this.#head.readUIntBE(5, 3);
    if (!this.#isControl()) return copied;
    const sentVersion = this.#head.readUInt16BE(0) & 0x7fff;
    if (sentVersion !== version) throw new ProtocolError(`a frame has version ${sentVersion}`);
    if (this.#left > controlMaxBytes)
      throw new ProtocolError(`a control frame of ${this.#left} bytes is too long`);
    return copied;
  }

  #isControl(): boolean {
    return ((this.#head[0] ?? 0) & 0x80) !== 0;
  }

  #payload(piece: Buffer): void {
    this.#left -= piece.length;
    const isWhole = this.#left === 0;
    if (isWhole) this.#headFilled = 0;
    const flags = this.#head[4] ?? 0;
    if (!this.#isControl()) {
      this.#handler.onData(this.#head.readUInt32BE(0), piece, isWhole && (flags & flagFin) !== 0);
      return;
    }
    const payload = this.#gather(piece, isWhole);
    if (payload !== undefined) this.#handler.onControl(this.#head.readUInt16BE(2), flags, payload);
  }

  /** The payload when it is whole; in most cases it came in one piece. */
  #gather(piece: Buffer, isWhole: boolean): Buffer | undefined {
    if (this.#control === undefined && isWhole) return piece;
    this.#control ??= Buffer.allocUnsafe(piece.length + this.#left);
    this.#control.set(piece, this.#control.length - this.#left - piece.length);
    if (!isWhole) return undefined;
    const payload = this.#control;
    this.#control = undefined;
    return payload;
  }
}

/** The head of a data frame, into the first eight bytes of `target`. */
export function writeDataHead(target: Buffer, streamId: number, flags: number, length: number): void {
  target.writeUInt32BE(streamId, 0);
  target.writeUInt32BE(((flags << 24) | length) >>> 0, 4);
}

function control(type: number, words: readonly number[]): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + 4 * words.length);
  frame.writeUInt16BE(0x8000 | version, 0);
  frame.writeUInt16BE(type, 2);
  frame.writeUInt32BE(4 * words.length, 4);
  for (const [i, word] of words.entries()) frame.writeUInt32BE(word, headBytes + 4 * i);
  return frame;
}

/** Ends one stream in both directions (2.6.3). */
export function resetFrame(streamId: number, status: number): Buffer {
  return control(controlType.rstStream, [streamId, status]);
}

/** The server's own ids are even (2.6.5). */
export function pingFrame(id: number): Buffer {
  return control(controlType.ping, [id]);
}

/** No stream after `lastStreamId` is taken any more (2.6.6). */
export function goAwayFrame(lastStreamId: number, status: number): Buffer {
  return control(controlType.goAway, [lastStreamId, status]);
}

// A zlib head, and what deflate makes of a block without headers: one stored block of four zeros and an empty one.
const zlibHead = Buffer.from([0x78, 0x01]);
const noHeaders = Buffer.from([0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);

/** Accepts a stream, without headers; the first one of a connection begins its zlib stream. */
export function synReplyFrame(streamId: number, isFirst: boolean): Buffer {
  const block = isFirst ? Buffer.concat([zlibHead, noHeaders]) : noHeaders;
  const frame = Buffer.concat([control(controlType.synReply, [streamId]), block]);
  frame.writeUInt32BE(4 + block.length, 4);
  return frame;
}
