// Where clients connect: HTTP or HTTPS on one TCP address. TLS files are read again when they change, and on request.

import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { listen } from '../async/listen.ts';
import type { Logger } from '../log/logger.ts';
import { followIdentity, readIdentity, type ServerIdentity } from '../tls/server-identity.ts';

/** Silence after which the kernel asks whether the client's machine still lives. */
const keepAliveMs = 30_000;

/** A client asks at once, for its TLS session and its stream. */
const askMs = 10_000;
/** So many wait at most that have not asked yet; the oldest gives way. There are no more streams than these to ask for. */
export const askingMax = 1024;

export interface ListenAddress {
  /** An IP address. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** One TCP address with its server. Who has connected and asks for nothing is bounded in time and number. */
export class HttpListener {
  readonly server: Server;
  readonly #logger: Logger;
  readonly #tls: TlsServer | undefined;
  /** Connections that are no streams, or not yet, by their peer: TLS has two sockets for each. The oldest is the first. */
  readonly #asking = new Map<string, Socket>();
  #following = new AbortController();
  #needsCertificate = false;

  private constructor(server: Server, tls: TlsServer | undefined, logger: Logger) {
    this.server = server;
    this.#tls = tls;
    this.#logger = logger;
    server.on('connection', (socket) => {
      this.#hear(socket);
      socket.setKeepAlive(true, keepAliveMs).setNoDelay(true);
    });
    tls?.on('secureConnection', (socket) => this.#hear(socket));
    server.on('upgrade', ({ socket }) => void this.#asking.delete(peerOf(socket)));
    // Before HTTP sees the connection: whether a certificate is asked for can change, the server's own check cannot.
    tls?.prependListener('secureConnection', (socket: TLSSocket) => {
      if (this.#needsCertificate && !socket.authorized) socket.destroy();
    });
  }

  /** Without an identity it will be plain HTTP. `failed-precondition` when the identity's files are no good. */
  static async make(identity: ServerIdentity | undefined, logger: Logger): Promise<HttpListener> {
    const limits = { headersTimeout: askMs, requestTimeout: askMs };
    if (identity === undefined) return new HttpListener(createServer(limits), undefined, logger);
    const options = await readIdentity(identity);
    const asks = { requestCert: true, rejectUnauthorized: false, handshakeTimeout: askMs };
    const tls = createTlsServer({ ...options, ...limits, ...asks });
    const listener = new HttpListener(tls, tls, logger);
    listener.#follow(identity);
    return listener;
  }

  get scheme(): 'http' | 'https' {
    return this.#tls === undefined ? 'http' : 'https';
  }

  /** `unavailable`, with the address, when it is not to be had. */
  async listen({ host, port }: ListenAddress): Promise<AddressInfo> {
    const refusal = (why: string): string =>
      `cannot serve streams on "${host}:${port}" (${why}); change stream_address or stream_port in [crio.api]`;
    await listen(this.server, { host, port }, refusal, this.#logger);
    return this.server.address() as AddressInfo;
  }

  /** Takes the files of `identity` from now on; new connections get them. Throws, and changes nothing, when they are no good. */
  async use(identity: ServerIdentity): Promise<void> {
    if (this.#tls === undefined) return;
    this.#tls.setSecureContext(await readIdentity(identity));
    this.#follow(identity);
  }

  /** Takes no more connections, and drops those that have not become a stream. */
  async close(): Promise<void> {
    this.#following.abort();
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const socket of this.#asking.values()) socket.destroy();
    await closed;
  }

  #hear(socket: Socket): void {
    const peer = peerOf(socket);
    this.#asking.set(peer, socket);
    socket.once('close', () => {
      if (this.#asking.get(peer) === socket) this.#asking.delete(peer);
    });
    const [oldest] = this.#asking;
    if (this.#asking.size <= askingMax || oldest === undefined) return;
    this.#asking.delete(oldest[0]);
    oldest[1].destroy();
  }

  #follow(identity: ServerIdentity): void {
    this.#following.abort();
    this.#following = new AbortController();
    this.#needsCertificate = identity.clientCaFile !== undefined;
    followIdentity(
      identity,
      (options) => this.#tls?.setSecureContext(options),
      this.#logger,
      this.#following.signal,
    );
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
