// Kept-alive connections: one pool for each host, proxy and kind of trust.

import { type AgentOptions, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import { openTunnel } from './proxy-tunnel.ts';
import type { Trust } from './trust-store.ts';

/** What a request tells its agent besides node's own options. */
export interface SecureOptions {
  readonly agent: HttpsAgent;
  readonly secureContext: SecureContext;
  readonly rejectUnauthorized: boolean;
  readonly trustId: string;
  readonly tunnel: { readonly proxy: URL; readonly timeoutMs: number } | undefined;
}

type ConnectionOptions = Partial<SecureOptions> & { readonly host?: string; readonly port?: number | string };
type Created = (error: Error | null, stream: Duplex) => void;

/** Connections with TLS. Node's own pools tell neither secure contexts nor proxies apart. */
class TrustedAgent extends HttpsAgent {
  override getName(options?: object): string {
    const { trustId = '', rejectUnauthorized, tunnel } = (options ?? {}) as ConnectionOptions;
    return `${super.getName(options)} ${trustId} ${rejectUnauthorized} ${tunnel?.proxy.href ?? ''}`;
  }

  override createConnection(
    options: ConnectionOptions,
    created: Created,
  ): ReturnType<HttpsAgent['createConnection']> {
    const { tunnel, host = '', port } = options;
    if (tunnel === undefined) return super.createConnection(options, created);
    openTunnel(tunnel.proxy, { host, port: Number(port) }, tunnel.timeoutMs).then(
      (socket) => created(null, super.createConnection({ ...options, socket } as object, created) as Duplex),
      (error: Error) => created(error, undefined as unknown as Duplex),
    );
    return undefined as unknown as Duplex;
  }
}

export class ConnectionPools {
  readonly plain: HttpAgent;
  readonly #secure: HttpsAgent;

  /** A connection that nobody used for `idleMs` is closed: a firewall may have forgotten it by then. */
  constructor(idleMs: number) {
    const options: AgentOptions = { keepAlive: true, timeout: idleMs };
    this.plain = new HttpAgent(options);
    this.#secure = new TrustedAgent(options);
  }

  secure(trust: Trust, verify: boolean, tunnel: SecureOptions['tunnel']): SecureOptions {
    return {
      agent: this.#secure,
      secureContext: trust.context,
      rejectUnauthorized: verify,
      trustId: trust.id,
      tunnel,
    };
  }

  close(): void {
    this.plain.destroy();
    this.#secure.destroy();
  }
}
