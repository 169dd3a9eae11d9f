// A client's WebSocket connection: its messages, its end, and who holds up its reading.

import { setMaxListeners } from 'node:events';
import type { WebSocket } from 'ws';
import { DaemonError } from '../../errors/daemon-error.ts';
import { readingMaxMs } from '../stream-client.ts';

/** A client that is told the end answers; one that is silent for so long is cut off. */
const silenceMs = 10_000;
/** Who does not read does not hear that the client is gone, but who writes does; so pings are sent meanwhile. */
const probeMs = 5_000;
const normalClosure = 1000;

/** What command and port-forward clients share; who makes it takes its messages. */
export class WebSocketConnection {
  /** Aborted when the client is gone or was idle for too long. */
  readonly gone: AbortSignal;
  readonly #socket: WebSocket;
  readonly #goneBy = new AbortController();
  readonly #idle: NodeJS.Timeout | undefined;
  readonly #full = new Set<object>();
  readonly #closed: Promise<void>;
  #probing: NodeJS.Timeout | undefined;
  #reading: NodeJS.Timeout | undefined;

  /** Every message in either direction keeps the connection open, also a ping: the client lives. `idleMs` 0: no limit. */
  constructor(socket: WebSocket, idleMs: number, onMessage: (message: Buffer) => void) {
    this.gone = this.#goneBy.signal;
    setMaxListeners(0, this.gone); // one for each connection of a port-forward: no leak
    this.#socket = socket;
    const idle = (): void => this.#lose('the connection was idle for too long');
    this.#idle = idleMs > 0 ? setTimeout(idle, idleMs) : undefined;
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        clearTimeout(this.#idle);
        clearTimeout(this.#reading);
        clearInterval(this.#probing);
        this.#goneBy.abort(new DaemonError('cancelled', 'the client has closed the connection'));
        resolve();
      });
    });
    socket.on('error', () => {}); // 'close' follows
    for (const event of ['message', 'ping', 'pong']) socket.on(event, () => this.#idle?.refresh());
    // No countSpent as with SPDY: the library makes so much of each message that V8 collects young by itself (1 GiB: +40 MiB).
    socket.on('message', onMessage);
  }

  /** `done` follows when the message is on its way, or never will be. */
  send(message: Buffer | string, done: () => void): void {
    this.#idle?.refresh();
    this.#socket.send(message, { binary: typeof message !== 'string', fin: true }, () => {
      this.#reading?.refresh();
      done();
    });
  }

  /** See CommandClient. */
  limitReading(): void {
    if (this.#socket.readyState === this.#socket.CLOSED) return;
    this.#reading ??= setTimeout(() => this.#lose('the client has read nothing for too long'), readingMaxMs);
  }

  /** Nothing more is read until everybody who was full is so no more. A client that pings is not answered meanwhile. */
  pause(by: object): void {
    if (this.gone.aborted) return;
    this.#full.add(by);
    this.#socket.pause();
    this.#probing ??= setInterval(() => this.#probe(), probeMs);
  }

  resume(by: object): void {
    if (this.#full.delete(by) && this.#full.size === 0) this.#readOn();
  }

  /** Closes behind what was sent. Resolves when the client has done so too, or was silent for 10 s. */
  async close(): Promise<void> {
    this.#full.clear();
    this.#readOn();
    const silence = setTimeout(() => this.destroy(), silenceMs);
    for (const event of ['message', 'ping', 'pong']) this.#socket.on(event, () => silence.refresh());
    this.#socket.close(normalClosure); // the library's own limit is the longest that it may take
    await this.#closed;
    clearTimeout(silence);
  }

  /** Drops the connection. */
  destroy(): void {
    this.#socket.terminate();
  }

  #readOn(): void {
    clearInterval(this.#probing);
    this.#probing = undefined;
    this.#socket.resume();
  }

  /** What waits to be sent already tells as much. */
  #probe(): void {
    if (this.#socket.bufferedAmount === 0) this.#socket.ping('', false, () => {});
  }

  #lose(reason: string): void {
    this.#goneBy.abort(new DaemonError('cancelled', reason));
    this.destroy();
  }
}
