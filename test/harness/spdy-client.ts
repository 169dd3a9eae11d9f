// A client of SPDY/3.1 as Go's is, without any of the server's code: headers are compressed by a stateful deflate, and the
// headers of the answers inflated by a stateful inflate. Lean enough to measure a server with.

import type { Duplex } from 'node:stream';
import { constants, createDeflate, type Deflate, inflateSync } from 'node:zlib';

const fin = 1;

/** What the server has said of one stream. */
export class ClientStream {
  readonly id: number;
  readonly #client: SpdyClient;
  readonly chunks: Buffer[] = [];
  bytes = 0;
  keepsData = true;
  onData: ((data: Buffer) => void) | undefined;
  resetStatus: number | undefined;
  hasReplied = false;
  hasEnded = false;

  constructor(id: number, client: SpdyClient) {
    this.id = id;
    this.#client = client;
  }

  /** Nothing more comes. Go's servers end some streams by a reset, or by the end of the connection. */
  get isOver(): boolean {
    return this.hasEnded || this.resetStatus !== undefined || this.#client.hasEnded;
  }

  /** The data so far. */
  text(): string {
    return Buffer.concat(this.chunks).toString('utf8');
  }

  /** False when the connection has to drain first. */
  write(data: Buffer | string): boolean {
    return this.#client.data(this.id, Buffer.from(data), 0);
  }

  end(data: Buffer | string = ''): void {
    this.#client.data(this.id, Buffer.from(data), fin);
  }

  reset(): void {
    this.#client.send(controlFrame(3, 0, words(this.id, 5)));
  }

  take(data: Buffer, isLast: boolean): void {
    this.bytes += data.length;
    if (this.keepsData) this.chunks.push(data);
    this.onData?.(data);
    if (isLast) this.hasEnded = true;
  }
}

export class SpdyClient {
  readonly socket: Duplex;
  readonly streams = new Map<number, ClientStream>();
  readonly pings: number[] = [];
  goAway: number | undefined;
  hasEnded = false;
  isClosed = false;
  readonly #deflate: Deflate;
  #compressed: (block: Buffer) => void = () => {};
  #opening: Promise<unknown> = Promise.resolve();
  #nextId = 1;
  readonly #replies: Buffer[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #data: { stream: ClientStream | undefined; left: number; flags: number } | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(socket: Duplex, dictionary: Buffer) {
    this.socket = socket;
    this.#deflate = createDeflate({ dictionary, flush: constants.Z_SYNC_FLUSH });
    this.#deflate.on('data', (block: Buffer) => this.#compressed(block));
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => {
      this.hasEnded = true;
      this.#changed();
    });
    socket.on('close', () => {
      this.isClosed = true;
      this.#changed();
    });
    socket.on('error', () => {});
  }

  /** Resolves when `holds`, which is asked after everything that comes; rejects when the connection closes before. */
  async until(what: string, holds: () => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const ask = (): void => {
        if (holds()) resolve();
        else if (this.isClosed) reject(new Error(`the connection is closed before ${what}`));
        else return;
        this.#waiting.delete(ask);
      };
      this.#waiting.add(ask);
      ask();
    });
  }

  /** Sends SYN_STREAM; does not wait for the reply. */
  async offer(headers: Readonly<Record<string, string>>, flags = 0): Promise<ClientStream> {
    const opened = this.#opening.then(async () => {
      const block = await this.#headerBlock(headers);
      const stream = new ClientStream(this.#nextId, this);
      this.#nextId += 2;
      this.streams.set(stream.id, stream);
      this.send(controlFrame(1, flags, Buffer.concat([words(stream.id, 0), Buffer.from([0, 0]), block])));
      return stream;
    });
    this.#opening = opened;
    return await opened;
  }

  /** The same, and waits for the reply. */
  async open(headers: Readonly<Record<string, string>>, flags = 0): Promise<ClientStream> {
    const stream = await this.offer(headers, flags);
    await this.until(`stream ${stream.id} is accepted`, () => stream.hasReplied);
    return stream;
  }

  send(frame: Buffer): void {
    if (this.socket.writable) this.socket.write(frame);
  }

  data(id: number, data: Buffer, flags: number): boolean {
    const head = words(id, data.length);
    head[4] = flags;
    this.socket.cork();
    this.socket.write(head);
    const hasRoom = this.socket.write(data);
    this.socket.uncork();
    return hasRoom;
  }

  ping(id: number): void {
    this.send(controlFrame(6, 0, words(id)));
  }

  sayGoAway(): void {
    this.send(controlFrame(7, 0, words(0, 0)));
  }

  /** All that is compressed in a reply must be readable as one zlib stream: the number of headers of each. */
  replyHeaders(): Buffer {
    return inflateSync(Buffer.concat(this.#replies), { finishFlush: constants.Z_SYNC_FLUSH });
  }

  #headerBlock(headers: Readonly<Record<string, string>>): Promise<Buffer> {
    const entries = Object.entries(headers);
    const strings = entries
      .flat()
      .map((text) => Buffer.concat([words(Buffer.byteLength(text)), Buffer.from(text)]));
    return new Promise((resolve) => {
      const parts: Buffer[] = [];
      this.#compressed = (part) => parts.push(part);
      this.#deflate.write(Buffer.concat([words(entries.length), ...strings]), () =>
        setImmediate(() => resolve(Buffer.concat(parts))),
      );
    });
  }

  #receive(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const used = this.#data === undefined ? this.#frame(bytes) : this.#piece(bytes);
      if (used === 0) break;
      bytes = bytes.subarray(used);
    }
    this.#rest = bytes;
    this.#changed();
  }

  #frame(bytes: Buffer): number {
    if (bytes.length < 8) return 0;
    const length = bytes.readUIntBE(5, 3);
    if (bytes[0]! < 0x80) {
      const stream = this.streams.get(bytes.readUInt32BE(0));
      this.#data = { stream, left: length, flags: bytes[4]! };
      if (length === 0) this.#piece(Buffer.alloc(0));
      return 8;
    }
    if (bytes.length < 8 + length) return 0;
    this.#control(bytes.readUInt16BE(2), bytes.subarray(8, 8 + length));
    return 8 + length;
  }

  #piece(bytes: Buffer): number {
    const data = this.#data!;
    const piece = bytes.subarray(0, data.left);
    data.left -= piece.length;
    if (data.left === 0) this.#data = undefined;
    data.stream?.take(piece, data.left === 0 && (data.flags & fin) !== 0);
    return piece.length;
  }

  #control(type: number, payload: Buffer): void {
    const first = payload.readUInt32BE(0);
    const stream = this.streams.get(first);
    if (type === 2) {
      this.#replies.push(payload.subarray(4));
      if (stream !== undefined) stream.hasReplied = true;
    } else if (type === 3) {
      if (stream !== undefined) stream.resetStatus = payload.readUInt32BE(4);
    } else if (type === 6) this.pings.push(first);
    else if (type === 7) this.goAway = payload.readUInt32BE(4);
    else throw new Error(`the server sent a frame of type ${type}`);
  }

  #changed(): void {
    for (const ask of this.#waiting) ask();
  }
}

export function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value, 4 * i);
  });
  return bytes;
}

/** A control frame of version 3. */
export function controlFrame(type: number, flags: number, payload: Buffer): Buffer {
  const head = words((0x8003 << 16) >>> 0, payload.length);
  head.writeUInt16BE(type, 2);
  head[4] = flags;
  return Buffer.concat([head, payload]);
}
