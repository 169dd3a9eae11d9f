// One HTTP exchange over kept-alive connections. Authentication, redirects and retries live above.

import {
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestHttp,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { SecureContext } from 'node:tls';
import type { TrustStore } from './trust-store.ts';

export interface HttpTimeouts {
  /** TCP and TLS handshake. */
  readonly connectMs: number;
  /** From the request to the head of the response. */
  readonly responseMs: number;
  /** Between two pieces of a body of at least 1 KiB, while the reader waits. */
  readonly noProgressMs: number;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly verifyTls: boolean;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends a body that nobody wants to read; when this resolves, the next request can use the connection. */
  discard(): Promise<void>;
}

/** How often a request is sent when it finds kept-alive connections that the server has just closed. */
const maxAttempts = 3;
const maxDiscardedBytes = 64 * 1024;
const maxDiscardMs = 250;
/** A connection that nobody used for this time may be forgotten by a firewall, and the next request unanswered. */
const maxIdleMs = 60_000;
/** Fewer bytes than this within `noProgressMs` are no progress: else a byte now and then holds a pull for ever. */
const minProgressBytes = 1024;

class HttpTimeoutError extends Error {
  readonly code = 'ETIMEDOUT';
}

/** Sends requests; one connection pool per host and kind of TLS check. */
export class HttpTransport {
  readonly #timeouts: HttpTimeouts;
  readonly #trust: TrustStore;
  readonly #plain = new HttpAgent({ keepAlive: true, timeout: maxIdleMs });
  readonly #verified = new HttpsAgent({ keepAlive: true, timeout: maxIdleMs });
  readonly #unverified = new HttpsAgent({
    keepAlive: true,
    timeout: maxIdleMs,
    rejectUnauthorized: false,
  });

  constructor(timeouts: HttpTimeouts, trust: TrustStore) {
    this.#timeouts = timeouts;
    this.#trust = trust;
  }

  /**
   * Resolves with the head of the response. Rejects with the system's error, or ETIMEDOUT; an abort of `signal` also
   * ends a body that is being read.
   */
  async send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    signal.throwIfAborted();
    const { url } = request;
    const context = url.protocol === 'https:' ? await this.#trust.contextFor(url.host) : undefined;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#exchange(request, context, signal);
      } catch (cause) {
        if (!(cause instanceof StaleConnectionError)) throw cause;
        if (attempt === maxAttempts) throw cause.cause;
      }
    }
  }

  /** Closes idle connections; later requests open new ones. */
  close(): void {
    this.#plain.destroy();
    this.#verified.destroy();
    this.#unverified.destroy();
  }

  #exchange(
    { url, method, headers, body, verifyTls }: HttpRequest,
    secureContext: SecureContext | undefined,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const secure = secureContext !== undefined;
    const agent = secure ? (verifyTls ? this.#verified : this.#unverified) : this.#plain;
    const options = { method, headers, agent, signal, ...(secure && { secureContext }) };
    const { connectMs, responseMs, noProgressMs } = this.#timeouts;
    return new Promise((resolve, reject) => {
      const outgoing = (secure ? requestHttps : requestHttp)(url, options);
      const giveUp = (): void => void outgoing.destroy(new HttpTimeoutError('no answer'));
      const responseTimer = setTimeout(giveUp, responseMs);
      let connectTimer: NodeJS.Timeout | undefined;
      const clearTimers = (): void => {
        clearTimeout(responseTimer);
        clearTimeout(connectTimer);
      };
      outgoing.once('socket', (socket) => {
        if (!socket.connecting) return;
        connectTimer = setTimeout(giveUp, connectMs);
        socket.once(secure ? 'secureConnect' : 'connect', () => clearTimeout(connectTimer));
      });
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        clearTimers();
        // The server closed a kept-alive connection at the moment in which it was used again: nothing was done there.
        const stale = outgoing.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        reject(stale ? new StaleConnectionError('stale connection', { cause: error }) : error);
      });
      outgoing.once('response', (incoming) => {
        clearTimers();
        incoming.on('error', () => {}); // read errors reach the reader; an unread body must not end the daemon
        resolve(responseOf(incoming, noProgressMs));
      });
      outgoing.end(body);
    });
  }
}

class StaleConnectionError extends Error {}

function responseOf(incoming: IncomingMessage, noProgressMs: number): HttpResponse {
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    body: bodyOf(incoming, noProgressMs),
    discard: () => discard(incoming),
  };
}

/** Lets a short body pass, so that the connection can be used again; a long or slow one closes it. */
async function discard(incoming: IncomingMessage): Promise<void> {
  if (incoming.closed) return;
  let leftBytes = maxDiscardedBytes;
  const timer = setTimeout(() => incoming.destroy(), maxDiscardMs);
  incoming.on('data', (chunk: Uint8Array) => {
    leftBytes -= chunk.length;
    if (leftBytes < 0) incoming.destroy();
  });
  await new Promise((resolve) => incoming.once('close', resolve));
  clearTimeout(timer);
}

/** Reads a body; the clock runs only while the reader waits, so a slow disk is not taken for a dead registry. */
async function* bodyOf(incoming: IncomingMessage, noProgressMs: number): AsyncGenerator<Uint8Array> {
  let isWaiting = true;
  const timer = setTimeout(() => {
    if (isWaiting) incoming.destroy(new HttpTimeoutError('no progress'));
    else timer.refresh();
  }, noProgressMs);
  let progressBytes = 0;
  try {
    for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
      isWaiting = false;
      yield chunk;
      isWaiting = true;
      progressBytes += chunk.length;
      if (progressBytes < minProgressBytes) continue;
      progressBytes = 0;
      timer.refresh();
    }
  } finally {
    clearTimeout(timer);
    incoming.destroy();
  }
}

/** Reads a whole body of at most `maxBytes`; undefined when it is longer. */
export async function readBounded(response: HttpResponse, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
