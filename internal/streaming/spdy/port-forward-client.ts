// A client of port-forward over SPDY: two streams for each connection, one for data and one for why there is no data.

import type { Duplex } from 'node:stream';
import type { ClientTimeouts, ForwardedConnection, PortForwardClient } from '../stream-client.ts';
import { SpdySession, type StreamOffer } from './session.ts';
import type { SpdyStream } from './stream.ts';

/** The streams of one connection, as far as they have come. */
interface Pair {
  readonly port: number;
  data: SpdyStream | undefined;
  error: SpdyStream | undefined;
  readonly timer: NodeJS.Timeout;
}

class SpdyConnection implements ForwardedConnection {
  readonly port: number;
  readonly data: Duplex;
  readonly #error: SpdyStream;

  constructor(port: number, data: SpdyStream, error: SpdyStream) {
    this.port = port;
    this.data = data;
    this.#error = error;
    // The error stream ends with what the pod sends, as in the Go servers: a client waits for that before it counts the
    // connection as closed, and kubectl of 1.27 even before it closes its own side.
    for (const end of ['finish', 'close']) data.once(end, () => error.end());
  }

  fail(message: string): void {
    if (!this.#error.writableEnded && !this.#error.destroyed) this.#error.write(message);
    this.data.destroy();
  }
}

class SpdyPortForwardClient implements PortForwardClient {
  readonly gone: AbortSignal;
  readonly #session: SpdySession;
  readonly #creationMs: number;
  readonly #pairs = new Map<string, Pair>();
  #early: ForwardedConnection[] = [];
  #onConnection: (connection: ForwardedConnection) => void = (connection) => {
    this.#early.push(connection);
  };

  constructor(socket: Duplex, timeouts: ClientTimeouts) {
    this.#creationMs = timeouts.creationMs;
    this.#session = new SpdySession(socket, timeouts.idleMs, (offer) => this.#offered(offer));
    this.gone = this.#session.gone;
    const clear = (): void => this.#forgetPairs();
    this.gone.addEventListener('abort', clear, { once: true });
  }

  onConnection(listener: (connection: ForwardedConnection) => void): void {
    this.#onConnection = listener;
    for (const connection of this.#early.splice(0)) listener(connection);
  }

  async close(): Promise<void> {
    this.#forgetPairs();
    await this.#session.end();
  }

  #forgetPairs(): void {
    for (const { timer } of this.#pairs.values()) clearTimeout(timer);
    this.#pairs.clear();
    this.#early = [];
  }

  #offered(offer: StreamOffer): void {
    const type = offer.headers.get('streamtype');
    const port = portOf(offer.headers.get('port'));
    if (port === undefined || (type !== 'data' && type !== 'error')) return;
    const id = requestIdOf(offer, type);
    const pair = this.#pairs.get(id) ?? this.#newPair(id, port);
    if (pair[type] !== undefined || pair.port !== port) return;
    const stream = offer.accept({ isRead: type === 'data', diesAlone: true });
    stream.once('close', () => this.#forget(id, pair));
    pair[type] = stream;
    if (pair.data === undefined || pair.error === undefined) return;
    this.#forget(id, pair);
    this.#onConnection(new SpdyConnection(port, pair.data, pair.error));
  }

  #forget(id: string, pair: Pair): void {
    clearTimeout(pair.timer);
    if (this.#pairs.get(id) === pair) this.#pairs.delete(id);
  }

  #newPair(id: string, port: number): Pair {
    const timer = setTimeout(() => this.#late(id), this.#creationMs);
    const pair = { port, data: undefined, error: undefined, timer };
    this.#pairs.set(id, pair);
    return pair;
  }

  #late(id: string): void {
    const pair = this.#pairs.get(id);
    this.#pairs.delete(id);
    pair?.data?.destroy();
    pair?.error?.end(`the data stream of a connection to port ${pair.port} has not come in time`);
  }
}

function portOf(text: string | undefined): number | undefined {
  const port = /^\d{1,5}$/.test(text ?? '') ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/** Clients without request ids open the error stream first and the data stream as the next. */
function requestIdOf({ id, headers }: StreamOffer, type: 'data' | 'error'): string {
  const named = headers.get('requestid');
  if (named !== undefined && named !== '') return named;
  return `stream ${type === 'error' ? id : id - 2}`;
}

/** Speaks SPDY/3.1 on a connection whose upgrade was answered. A stream without a port or of another type is reset. */
export function acceptSpdyPortForward(socket: Duplex, timeouts: ClientTimeouts): PortForwardClient {
  return new SpdyPortForwardClient(socket, timeouts);
}
