// Where clients connect: HTTP or HTTPS on one TCP address. TLS files are read again when they change, and on request.

import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';
import type { Logger } from '../log/logger.ts';
import { followIdentity, readIdentity, type ServerIdentity } from '../tls/server-identity.ts';

/** Silence after which the kernel asks whether the client's machine still lives. */
const keepAliveMs = 30_000;

export interface ListenAddress {
  /** An IP address. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export class HttpListener {
  readonly server: Server;
  readonly #logger: Logger;
  readonly #tls: TlsServer | undefined;
  #following = new AbortController();
  #needsCertificate = false;

  private constructor(server: Server, tls: TlsServer | undefined, logger: Logger) {
    this.server = server;
    this.#tls = tls;
    this.#logger = logger;
    server.on('connection', (socket) => void socket.setKeepAlive(true, keepAliveMs).setNoDelay(true));
    // Before HTTP sees the connection: whether a certificate is asked for can change, the server's own check cannot.
    tls?.prependListener('secureConnection', (socket: TLSSocket) => {
      if (this.#needsCertificate && !socket.authorized) socket.destroy();
    });
  }

  /** Without an identity it will be plain HTTP. `failed-precondition` when the identity's files are no good. */
  static async make(identity: ServerIdentity | undefined, logger: Logger): Promise<HttpListener> {
    if (identity === undefined) return new HttpListener(createServer(), undefined, logger);
    const options = await readIdentity(identity);
    const tls = createTlsServer({ ...options, requestCert: true, rejectUnauthorized: false });
    const listener = new HttpListener(tls, tls, logger);
    listener.#follow(identity);
    return listener;
  }

  get scheme(): 'http' | 'https' {
    return this.#tls === undefined ? 'http' : 'https';
  }

  /** `unavailable`, with the address, when it is not to be had. */
  async listen({ host, port }: ListenAddress): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', (cause: unknown) => {
        const why = errnoCode(cause) ?? 'unknown error';
        const text = `cannot serve streams on "${host}:${port}" (${why}); change stream_address or stream_port in [crio.api]`;
        reject(new DaemonError('unavailable', text, cause));
      });
      this.server.listen({ host, port }, resolve);
    });
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
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
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
