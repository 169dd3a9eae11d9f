// One HTTP exchange over kept-alive connections. Authentication, redirects and retries live above.

import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { ConnectionPools } from './connection-pools.ts';
import { guardedLookup } from './guarded-lookup.ts';
import { type BodyLimits, type HttpResponse, HttpTimeoutError, responseOf } from './http-response.ts';
import type { ProxyOf } from './proxy-settings.ts';
import { addressOf, proxyAuthorization } from './proxy-tunnel.ts';
import type { Peer, TrustStore } from './trust-store.ts';

export interface HttpTimeouts extends BodyLimits {
  /** TCP and TLS handshake, or the way through a proxy. */
  readonly connectMs: number;
  /** From the request to the head of the response. */
  readonly responseMs: number;
  /** An unused connection is kept for this long. */
  readonly idleMs: number;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly peer: Peer;
}

/** A dead registry is told apart from a slow one after these times; a kubelet waits for minutes. */
export const defaultTimeouts: HttpTimeouts = {
  connectMs: 30_000,
  responseMs: 60_000,
  noProgressMs: 60_000,
  documentMs: 120_000,
  idleMs: 60_000,
};

/** How often a request is sent when it finds kept-alive connections that the server has just closed. */
const maxAttempts = 3;

export interface TransportParts {
  readonly timeouts: HttpTimeouts;
  readonly trust: TrustStore;
  readonly proxyOf: ProxyOf;
  readonly userAgent: string;
}

/** Sends requests. */
export class HttpTransport {
  readonly #parts: TransportParts;
  readonly #pools: ConnectionPools;

  constructor(parts: TransportParts) {
    this.#parts = parts;
    this.#pools = new ConnectionPools(parts.timeouts.idleMs);
  }

  /**
   * Resolves with the head of the response. Rejects with the system's error, ETIMEDOUT or a ProxyError; an abort of
   * `signal` also ends a body that is being read.
   */
  async send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    signal.throwIfAborted();
    const open = await this.#opener(request);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#exchange(open, request.body, signal);
      } catch (cause) {
        if (!(cause instanceof StaleConnectionError)) throw cause;
        if (attempt === maxAttempts) throw cause.cause;
      }
    }
  }

  /** Closes idle connections; later requests open new ones. */
  close(): void {
    this.#pools.close();
  }

  async #opener({
    url,
    method,
    headers,
    peer,
  }: HttpRequest): Promise<(signal: AbortSignal) => ClientRequest> {
    const { trust, proxyOf, timeouts, userAgent } = this.#parts;
    const guard = peer.mustBeOutside === true ? { lookup: guardedLookup } : {};
    const sent = { ...headers, 'user-agent': userAgent, 'accept-encoding': 'identity' };
    const proxy = proxyOf(url);
    const tunnel = proxy && { proxy, timeoutMs: timeouts.connectMs };
    if (url.protocol === 'https:') {
      const secure = this.#pools.secure(await trust.trustOf(peer), peer.verify, tunnel);
      return (signal) => requestHttps(url, { method, headers: sent, ...secure, ...guard, signal });
    }
    // Without TLS an HTTP proxy itself is asked for the whole address.
    if (proxy?.protocol === 'http:') {
      const asked = { ...sent, ...proxyAuthorization(proxy), host: url.host };
      const options = { ...addressOf(proxy), path: url.href, ...this.#pools.plain(undefined) };
      return (signal) => requestHttp({ method, headers: asked, ...options, signal });
    }
    const plain = this.#pools.plain(tunnel);
    return (signal) => requestHttp(url, { method, headers: sent, ...plain, ...guard, signal });
  }

  #exchange(
    open: (signal: AbortSignal) => ClientRequest,
    body: string | undefined,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const { timeouts } = this.#parts;
    return new Promise((resolve, reject) => {
      const outgoing = open(signal);
      const giveUp = (): void => void outgoing.destroy(new HttpTimeoutError('no answer'));
      const responseTimer = setTimeout(giveUp, timeouts.responseMs);
      let connectTimer: NodeJS.Timeout | undefined;
      const clearTimers = (): void => {
        clearTimeout(responseTimer);
        clearTimeout(connectTimer);
      };
      outgoing.once('socket', (socket) => {
        if (!socket.connecting) return;
        connectTimer = setTimeout(() => {
          const code = socket.connecting ? 'ENOTREACHED' : 'ETIMEDOUT';
          outgoing.destroy(new HttpTimeoutError('no connection', code));
        }, timeouts.connectMs);
        const ready = 'encrypted' in socket ? 'secureConnect' : 'connect';
        socket.once(ready, () => clearTimeout(connectTimer));
      });
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        clearTimers();
        // The server closed a kept-alive connection at the moment in which it was used again: nothing was done there.
        const stale = outgoing.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        reject(stale ? new StaleConnectionError('stale connection', { cause: error }) : error);
      });
      outgoing.once('response', (incoming: IncomingMessage) => {
        clearTimers();
        incoming.on('error', () => {}); // read errors reach the reader; an unread body must not end the daemon
        resolve(responseOf(incoming, timeouts));
      });
      outgoing.end(body);
    });
  }
}

class StaleConnectionError extends Error {}
