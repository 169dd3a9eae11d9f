// Kept-alive connections: one pool for each host, proxy and kind of trust. Node's own pools tell neither secure contexts
// nor proxies apart.

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { LookupFunction, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import { openTunnel } from './proxy-tunnel.ts';
import type { Trust } from './trust-store.ts';

/** The way through a proxy. */
export interface Tunnel {
  readonly proxy: URL;
  readonly timeoutMs: number;
}

/** What a request tells its agent besides node's own options. */
interface PlainOptions {
  readonly agent: HttpAgent;
  readonly tunnel: Tunnel | undefined;
}

interface SecureOptions {
  readonly agent: HttpsAgent;
  readonly tunnel: Tunnel | undefined;
  readonly secureContext: SecureContext;
  readonly rejectUnauthorized: boolean;
  readonly trustId: string;
}

/** A connection that may lead inward is not shared with those that must not. */
interface ConnectionOptions extends Partial<Omit<SecureOptions, 'agent'>> {
  readonly host?: string;
  readonly port?: number | string;
  readonly lookup?: LookupFunction;
}

type Created = (error: Error | null, stream: Duplex) => void;
type Connected = ReturnType<HttpAgent['createConnection']>;

class PlainAgent extends HttpAgent {
  override getName(options?: object): string {
    return super.getName(options) + nameOf(options);
  }

  override createConnection(options: ConnectionOptions, created: Created): Connected {
    return connectThrough(options, created, (socket) => socket ?? super.createConnection(options));
  }
}

class TrustedAgent extends HttpsAgent {
  override getName(options?: object): string {
    return super.getName(options) + nameOf(options);
  }

  override createConnection(options: ConnectionOptions, created: Created): Connected {
    return connectThrough(options, created, (socket) =>
      super.createConnection(socket === undefined ? options : ({ ...options, socket } as object)),
    );
  }
}

function nameOf(options: object = {}): string {
  const { trustId = '', rejectUnauthorized = '', tunnel, lookup } = options as ConnectionOptions;
  return ` ${trustId} ${rejectUnauthorized} ${tunnel?.proxy.href ?? ''} ${lookup?.name ?? ''}`;
}

/** Lets `make` connect, by itself or over the socket that leads through the proxy. */
function connectThrough(
  { tunnel, host = '', port }: ConnectionOptions,
  created: Created,
  make: (socket: Socket | undefined) => Connected,
): Connected {
  if (tunnel === undefined) return make(undefined);
  openTunnel(tunnel.proxy, { host, port: Number(port) }, tunnel.timeoutMs)
    .then((socket) => make(socket) as Duplex)
    .then(
      (connection) => created(null, connection),
      (error: Error) => created(error, undefined as unknown as Duplex),
    );
  return undefined;
}

export class ConnectionPools {
  readonly #plain: HttpAgent;
  readonly #secure: HttpsAgent;

  /** A connection that nobody used for `idleMs` is closed: a firewall may have forgotten it by then. */
  constructor(idleMs: number) {
    const options = { keepAlive: true, timeout: idleMs };
    this.#plain = new PlainAgent(options);
    this.#secure = new TrustedAgent(options);
  }

  plain(tunnel: Tunnel | undefined): PlainOptions {
    return { agent: this.#plain, tunnel };
  }

  secure({ context, id }: Trust, verify: boolean, tunnel: Tunnel | undefined): SecureOptions {
    return {
      agent: this.#secure,
      tunnel,
      secureContext: context,
      rejectUnauthorized: verify,
      trustId: id,
    };
  }

  close(): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }
}
