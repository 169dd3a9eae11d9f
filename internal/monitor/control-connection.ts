// A connection to one monitor's socket: requests with answers, events, and the frames of streams.

import { connect, type Socket } from 'node:net';
import { DaemonError } from '../errors/daemon-error.ts';
import { decodeControl, encodeControl, encodeHead, type Frame, FrameReader, frameType } from './frames.ts';

export type ControlMessage = Readonly<Record<string, unknown>>;

interface Waiting {
  readonly resolve: (reply: ControlMessage) => void;
  readonly reject: (cause: Error) => void;
}

interface Handlers {
  /** Control messages that answer nothing. */
  readonly onEvent: (event: ControlMessage) => void;
  /** All other frames. */
  readonly onFrame: (frame: Frame) => void;
}

/** Nothing came from a monitor that lives: its socket dies with it. */
export class MonitorSilence extends DaemonError {
  constructor(op: string) {
    super('unavailable', `the monitor does not answer (${op})`);
  }
}

/** A monitor answers at once; one that hangs, on the disk of its log, must not hang the daemon. */
const answerMs = 10_000;

const protocol = { min: 1, max: 1 };

/** What a monitor says of itself. */
export interface MonitorHello {
  readonly pid: number;
  readonly id: string;
  readonly version: string;
  /** What it can do beyond the first version of the protocol. */
  readonly features: ReadonlySet<string>;
}

/** Connects to a unix socket; rejects with the system's error. */
export async function connectSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: false });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** One control connection. Its end rejects what still waits, with `unavailable`. */
export class ControlConnection {
  /** Settles when the connection is closed, whatever the reason. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #reader = new FrameReader(true);
  readonly #handlers: Handlers;
  #hello: MonitorHello = { pid: 0, id: '', version: '', features: new Set() };
  #refusal = '';
  #seq = 0;

  private constructor(socket: Socket, handlers: Handlers) {
    this.#socket = socket;
    this.#handlers = handlers;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => {}); // 'close' follows and tells everybody
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#rejectAll();
        resolve();
      });
    });
  }

  /**
   * Connects to the monitor at `path`; rejects with the system's error when nobody listens, `unavailable` when they have no
   * protocol in common with us.
   */
  static async open(path: string, onEvent: Handlers['onEvent']): Promise<ControlConnection> {
    const connection = await ControlConnection.connect(path, { onEvent, onFrame: () => {} });
    try {
      await connection.greet();
      return connection;
    } catch (cause) {
      connection.close();
      throw cause;
    }
  }

  /** The same without a word: for a socket of a command, or of a monitor that is known already. */
  static async connect(path: string, handlers: Handlers): Promise<ControlConnection> {
    return new ControlConnection(await connectSocket(path), handlers);
  }

  /** As of the last greeting. */
  get hello(): MonitorHello {
    return this.#hello;
  }

  /** Asks who is there; again, when that may have become another program. */
  async greet(): Promise<void> {
    const { min, max } = protocol;
    this.#hello = parseHello(await this.request('hello', { proto: [min, max] }));
  }

  /** The answer; a refusal rejects with `failed-precondition` and the monitor's words, silence with `MonitorSilence`. */
  async request(op: string, fields: object = {}, timeoutMs = answerMs): Promise<ControlMessage> {
    if (this.#socket.destroyed) throw new DaemonError('unavailable', `the monitor is gone (${op})`);
    this.#seq += 1;
    const seq = this.#seq;
    let timer: NodeJS.Timeout | undefined;
    const reply = await new Promise<ControlMessage>((resolve, reject) => {
      timer = setTimeout(() => {
        this.#waiting.delete(seq);
        reject(new MonitorSilence(op));
      }, timeoutMs);
      this.#waiting.set(seq, { resolve, reject });
      this.#socket.write(encodeControl({ ...fields, op, seq }));
    }).finally(() => clearTimeout(timer));
    const failure = reply['err'];
    if (typeof failure === 'string') throw new DaemonError('failed-precondition', `${op}: ${failure}`);
    return reply;
  }

  /** Sends a frame of a stream, whose payload stays as it is from now on; to a monitor that is gone nothing. */
  send(type: number, channel: number, payload: Uint8Array): void {
    if (!this.#socket.writable) return;
    this.#gather();
    this.#socket.write(encodeHead(type, channel, payload.length));
    if (payload.length > 0) this.#socket.write(payload);
  }

  /** All frames of one turn go out together, by one system call and one wakeup of the monitor. */
  #gather(): void {
    if (this.#socket.writableCorked > 0) return;
    this.#socket.cork();
    process.nextTick(() => this.#socket.uncork());
  }

  /** Hangs up. */
  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.push(chunk)) {
        if (frame.type === frameType.error) this.#refusal = `: ${frame.payload.toString('utf8')}`;
        if (frame.type !== frameType.control) {
          this.#handlers.onFrame(frame);
          continue;
        }
        const message = decodeControl(frame);
        const seq = message['seq'];
        if (typeof seq !== 'number') {
          this.#handlers.onEvent(message);
          continue;
        }
        const waiting = this.#waiting.get(seq);
        this.#waiting.delete(seq);
        waiting?.resolve(message);
      }
    } catch {
      this.#socket.destroy(); // not our protocol: the same as a monitor that is gone
    }
  }

  #rejectAll(): void {
    for (const { reject } of this.#waiting.values())
      reject(new DaemonError('unavailable', `the monitor ended before it answered${this.#refusal}`));
    this.#waiting.clear();
  }
}

function parseHello(reply: ControlMessage): MonitorHello {
  const { proto, pid, id, version, features } = reply;
  const [least, most] = Array.isArray(proto) ? proto : [];
  if (!(Number(least) <= protocol.max && Number(most) >= protocol.min)) {
    const text = `the monitor speaks protocol ${least} to ${most}, the daemon ${protocol.min} to ${protocol.max}`;
    throw new DaemonError('unavailable', text);
  }
  return {
    pid: Number(pid),
    id: String(id),
    version: String(version),
    features: new Set(Array.isArray(features) ? features.map(String) : []),
  };
}
