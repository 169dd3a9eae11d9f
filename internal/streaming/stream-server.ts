// Serves exec, attach and port-forward. An RPC takes a URL from it; the client that comes for it within a minute is served.

import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import type { StreamMetrics } from '../metrics/stream-metrics.ts';
import type { ServerIdentity } from '../tls/server-identity.ts';
import { acceptClient, type Upgrade } from './accept-client.ts';
import { HttpListener, type ListenAddress } from './http-listener.ts';
import { LiveSessions, type SessionCount } from './live-sessions.ts';
import { type Negotiated, negotiate, parseStreamPath, type Refusal } from './negotiate.ts';
import { refuseRequest, refuseUpgrade } from './refuse.ts';
import type { ClientTimeouts } from './stream-client.ts';
import type { StreamTicket } from './stream-ticket.ts';
import { StreamTickets } from './stream-tickets.ts';

/** At a stop clients are told that their session has ended, and get this time to hear it. */
const endMs = 2000;

export interface StreamServerSettings {
  readonly address: ListenAddress;
  readonly timeouts: ClientTimeouts;
  /** Undefined: plain HTTP. */
  readonly identity: ServerIdentity | undefined;
}

/** Nothing listens before `listen`. After `close` it is done: no session is left, and none is taken any more. */
export class StreamServer {
  readonly #settings: StreamServerSettings;
  readonly #logger: Logger;
  readonly #tickets = new StreamTickets<StreamTicket>();
  readonly #sessions: LiveSessions;
  /** Of clients that are served; HTTP knows nothing of them any more. */
  readonly #sockets = new Set<Duplex>();
  #listener: HttpListener | undefined;
  #base = '';

  constructor(settings: StreamServerSettings, metrics: StreamMetrics, logger: Logger) {
    this.#settings = settings;
    this.#sessions = new LiveSessions(metrics);
    this.#logger = logger;
  }

  /** Where it is reached: scheme, host and port. Rejects when the address or the TLS files are no good. */
  async listen(): Promise<string> {
    const { identity, address } = this.#settings;
    const listener = await HttpListener.make(identity, this.#logger);
    const { server } = listener;
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade({ request, socket, head }),
    );
    server.on('request', (request, response) => refuseRequest(response, this.#refusalOf(request)));
    const { address: host, port } = await listener.listen(address);
    this.#listener = listener;
    this.#base = `${listener.scheme}://${reachable(host)}:${port}`;
    return this.#base;
  }

  /**
   * An absolute URL (the kubelet takes no other) for one connection within a minute. `resource-exhausted` when too many wait, or the
   * container or sandbox has too many sessions.
   */
  offer(ticket: StreamTicket): string {
    if (this.#base === '') throw new DaemonError('unavailable', 'the stream server does not run');
    this.#sessions.requireRoom(ticket.kind, ticket.owner);
    return `${this.#base}/${ticket.kind}/${this.#tickets.issue(ticket)}`;
  }

  /** What is served now. */
  sessions(): SessionCount[] {
    return this.#sessions.list();
  }

  /** Serves new connections with the files of `identity`. Throws, and changes nothing, when they are no good. */
  async follow(identity: ServerIdentity | undefined): Promise<void> {
    if (identity !== undefined) await this.#listener?.use(identity);
  }

  /** Ends all sessions: commands are killed, containers live on. */
  async close(): Promise<void> {
    this.#base = '';
    const closed = this.#listener?.close();
    const ended = this.#sessions.end();
    await Promise.race([ended, sleep(endMs, undefined, { ref: false })]);
    for (const socket of this.#sockets) socket.destroy();
    await ended;
    await closed;
  }

  /** Of a request that asks for no upgrade, or for one that does not exist. */
  #refusalOf(request: IncomingMessage): Refusal {
    const found = this.#find(request);
    return 'code' in found ? found : { code: 400, text: 'the request cannot be upgraded' };
  }

  /** The token is used up, whatever is wrong with the rest of the request. */
  #find(request: IncomingMessage): Refusal | { ticket: StreamTicket; negotiated: Negotiated } {
    const path = parseStreamPath(request.url ?? '');
    if (path === undefined) return { code: 404, text: 'there is no such path' };
    if (request.method !== 'GET' && request.method !== 'POST')
      return { code: 405, text: 'only GET and POST are served', headers: [['Allow', 'GET, POST']] };
    const ticket = this.#tickets.redeem(path.token);
    if (ticket?.kind !== path.kind)
      return {
        code: 404,
        text: 'the token is unknown, was used or is too old; a URL is good for one connection within a minute',
      };
    const negotiated = negotiate(path.kind, request.headers);
    return 'code' in negotiated ? negotiated : { ticket, negotiated };
  }

  #upgrade(upgrade: Upgrade): void {
    const { socket, request } = upgrade;
    socket.on('error', () => {}); // 'close' follows
    const found = this.#find(request);
    if ('code' in found) {
      refuseUpgrade(socket, found);
      return;
    }
    const { ticket, negotiated } = found;
    const { kind, owner } = ticket;
    try {
      this.#sessions.requireRoom(kind, owner);
    } catch (cause) {
      refuseUpgrade(socket, { code: 429, text: describeError(cause) });
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const protocol = negotiated.by === 'spdy' ? negotiated.name : negotiated.protocol.name;
    const fields = { kind, id: owner, by: negotiated.by, protocol };
    this.#logger.debug(fields, 'a stream begins');
    const serve = (end: AbortSignal) =>
      acceptClient(upgrade, negotiated, { ticket, end, timeouts: this.#settings.timeouts });
    void this.#sessions
      .run(kind, owner, serve)
      .then((outcome) => this.#logger.debug({ ...fields, outcome }, 'a stream has ended'))
      .catch((cause: unknown) => {
        this.#logger.error({ ...fields, error: describeError(cause) }, 'a stream failed unexpectedly');
        socket.destroy();
      });
  }
}

/** The kubelet runs on this node: of a server on all addresses it takes the loopback one. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return isIPv6(host) ? `[${host}]` : host;
}
