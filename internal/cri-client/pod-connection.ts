// The client's side of port-forward: one connection to a port of a pod, over SPDY/3.1 of its own, so that no connection
// waits for the reader of another.

import { request } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import {
  controlType,
  FrameReader,
  flagFin,
  goAwayFrame,
  goAwayStatus,
  pingFrame,
  writeDataHead,
} from '../streaming/spdy/frames.ts';
import { openStreamSocket, type StreamTrust } from './stream-socket.ts';
import { synStreamFrame } from './syn-stream.ts';

const protocol = 'portforward.k8s.io';
/** Clients have the odd numbers, and open the stream for errors first. */
const errorStream = 1;
const dataStream = 3;
const headBytes = 8;

/**
 * Connects to `port` at the URL of a PortForward response; each direction of the connection ends apart. That nobody listens in
 * the pod shows later, as an error of the connection with the daemon's words.
 */
export async function openPodConnection(
  url: string,
  port: number,
  trust: StreamTrust,
  signal: AbortSignal,
): Promise<Duplex> {
  const target = new URL(url);
  const socket = await openStreamSocket(target, trust, signal);
  return new PodConnection(await upgrade(socket, target, signal), port);
}

function upgrade(socket: Socket, target: URL, signal: AbortSignal): Promise<Socket> {
  const headers = { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': protocol };
  const asked = request({
    method: 'POST',
    path: `${target.pathname}${target.search}`,
    headers: { ...headers, Host: target.host },
    createConnection: () => socket,
    signal,
  });
  return new Promise((resolve, reject) => {
    const refuse = (why: string, cause?: unknown): void => {
      socket.destroy();
      const text = `the stream server at "${target.host}" does not take the connection: ${why}`;
      reject(signal.aborted ? signal.reason : new DaemonError('unavailable', text, cause));
    };
    asked.on('upgrade', (_response, upgraded: Socket, head) => {
      if (head.length > 0) upgraded.unshift(head);
      resolve(upgraded);
    });
    asked.on('response', ({ statusCode }) => refuse(`it answers ${statusCode}`));
    asked.on('error', (cause) => refuse(describeError(cause), cause));
    asked.end();
  });
}

class PodConnection extends Duplex {
  readonly #socket: Socket;
  readonly #reader = new FrameReader({
    onData: (id, piece, isLast) => this.#onData(id, piece, isLast),
    onControl: (type, _flags, payload) => this.#onControl(type, payload),
  });
  #failure = '';

  constructor(socket: Socket, port: number) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    const headers = { port: String(port), requestid: '0' };
    socket.write(synStreamFrame(errorStream, flagFin, { ...headers, streamtype: 'error' }, true));
    socket.write(synStreamFrame(dataStream, 0, { ...headers, streamtype: 'data' }, false));
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (cause) => this.destroy(cause));
    socket.on('close', () => this.#lost());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (cause?: Error | null) => void): void {
    const head = Buffer.allocUnsafe(headBytes);
    writeDataHead(head, dataStream, 0, chunk.length);
    this.#socket.cork();
    this.#socket.write(head);
    this.#socket.write(chunk, done);
    this.#socket.uncork();
  }

  override _final(done: (cause?: Error | null) => void): void {
    const last = Buffer.allocUnsafe(headBytes);
    writeDataHead(last, dataStream, flagFin, 0);
    this.#socket.write(last, done);
  }

  override _destroy(cause: Error | null, done: (cause: Error | null) => void): void {
    if (cause === null) this.#socket.end(goAwayFrame(0, goAwayStatus.ok));
    else this.#socket.destroy();
    this.#socket.resume(); // to its end
    done(cause);
  }

  #receive(chunk: Buffer): void {
    if (this.destroyed) return;
    try {
      this.#reader.push(chunk);
    } catch (cause) {
      this.destroy(cause as Error);
    }
  }

  #onData(id: number, piece: Buffer, isLast: boolean): void {
    if (id === errorStream) this.#onError(piece, isLast);
    if (id !== dataStream || this.readableEnded) return;
    if (piece.length > 0 && !this.push(piece)) this.#socket.pause();
    if (!isLast) return;
    this.push(null);
    this.#socket.resume(); // nobody asks for more of a stream that has ended, but the end of the session is still to come
  }

  /** Any text there means that the connection is over. */
  #onError(piece: Buffer, isLast: boolean): void {
    this.#failure += piece.toString();
    if (isLast && this.#failure !== '') this.destroy(new DaemonError('unavailable', this.#failure));
  }

  #onControl(type: number, payload: Buffer): void {
    if (type === controlType.ping && payload.length >= 4)
      this.#socket.write(pingFrame(payload.readUInt32BE(0)));
    else if (type === controlType.rstStream && payload.readUInt32BE(0) === dataStream) this.#lost();
    else if (type === controlType.goAway && !this.readableEnded) this.#socket.resume();
  }

  /** The end of the connection before those of both directions. */
  #lost(): void {
    if (this.destroyed) return;
    const text = this.#failure === '' ? 'the connection to the pod was dropped' : this.#failure;
    this.destroy(new DaemonError('unavailable', text));
  }
}
