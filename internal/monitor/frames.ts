// The wire between the daemon and the native monitors: the same frames as in cmd/cria-monitor/connection.h.
//   u32 length of what follows (little endian, at most 1 MiB), u8 type, u8 channel, payload

export const frameType = {
  control: 0,
  stdin: 1,
  stdout: 2,
  stderr: 3,
  eof: 4,
  window: 5,
  error: 255,
} as const;

export interface Frame {
  readonly type: number;
  readonly channel: number;
  readonly payload: Buffer;
}

/** Most bytes of data that one frame carries. */
export const dataMaxBytes = 64 * 1024;

const frameMaxBytes = 1024 * 1024;
const headBytes = 6;

/** One frame as bytes; the payload is copied. Throws when it is too long. */
export function encodeFrame(type: number, channel: number, payload: Uint8Array): Buffer {
  return Buffer.concat([encodeHead(type, channel, payload.length), payload]);
}

/** What stands before a payload of `size` bytes. Throws when that is too long. */
export function encodeHead(type: number, channel: number, size: number): Buffer {
  const length = size + 2;
  if (length > frameMaxBytes) throw new Error(`a frame of ${length} bytes is longer than ${frameMaxBytes}`);
  const head = Buffer.allocUnsafe(headBytes);
  head.writeUInt32LE(length, 0);
  head[4] = type;
  head[5] = channel;
  return head;
}

/** The payload of a window frame. */
export function encodeWindow(bytes: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32LE(bytes);
  return payload;
}

/** A control frame with `message` as JSON. */
export function encodeControl(message: object): Buffer {
  return encodeFrame(frameType.control, 0, Buffer.from(JSON.stringify(message)));
}

/** The object in a control frame; throws when it is none. */
export function decodeControl(frame: Frame): Record<string, unknown> {
  const value: unknown = JSON.parse(frame.payload.toString('utf8'));
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('a control frame holds no object');
  return value as Record<string, unknown>;
}

/**
 * Cuts a stream of bytes into frames; keeps what is not whole yet. With `hasPieces` the data of an output is not kept but
 * comes as several frames: what follows behind it needs no copy.
 */
export class FrameReader {
  readonly #hasPieces: boolean;
  #rest: Buffer = Buffer.alloc(0);
  /** What the frame of an output lacks still. */
  #open = { type: 0, channel: 0, left: 0 };

  constructor(hasPieces = false) {
    this.#hasPieces = hasPieces;
  }

  /** The frames that are whole now, in order; their payloads share memory with `chunk`. Throws on a bad length. */
  push(chunk: Buffer): Frame[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    let at = this.#goOn(bytes, 0, frames);
    while (bytes.length - at >= headBytes) {
      const length = bytes.readUInt32LE(at);
      if (length < 2 || length > frameMaxBytes) throw new Error(`a frame cannot have ${length} bytes`);
      const [type, channel] = [bytes[at + 4] ?? 0, bytes[at + 5] ?? 0];
      const end = at + 4 + length;
      if (end > bytes.length) {
        if (!this.#hasPieces || (type !== frameType.stdout && type !== frameType.stderr)) break;
        this.#open = { type, channel, left: length - 2 };
        at = this.#goOn(bytes, at + headBytes, frames);
      } else {
        frames.push({ type, channel, payload: bytes.subarray(at + headBytes, end) });
        at = end;
      }
    }
    this.#rest = bytes.subarray(at);
    return frames;
  }

  /** Takes more of the frame that is open; where it ends. */
  #goOn(bytes: Buffer, at: number, frames: Frame[]): number {
    const { type, channel, left } = this.#open;
    const payload = bytes.subarray(at, at + left);
    this.#open.left -= payload.length;
    if (payload.length > 0) frames.push({ type, channel, payload });
    return at + payload.length;
  }
}
