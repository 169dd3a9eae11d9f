// From an answered request to a client that is served, by protocol.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { describeError } from '../errors/daemon-error.ts';
import type { Negotiated } from './negotiate.ts';
import { serveCommand } from './serve-command.ts';
import { servePortForward } from './serve-port-forward.ts';
import { answerSpdy } from './spdy/answer-upgrade.ts';
import { acceptSpdyCommand } from './spdy/command-client.ts';
import { acceptSpdyPortForward } from './spdy/port-forward-client.ts';
import type { ClientTimeouts, CommandClient, CommandOutcome, PortForwardClient } from './stream-client.ts';
import type { PortForwardTicket, StreamTicket } from './stream-ticket.ts';
import { acceptWebSocket } from './websocket/accept-upgrade.ts';
import { WebSocketCommandClient } from './websocket/command-client.ts';
import { WebSocketPortForwardClient } from './websocket/port-forward-client.ts';
import type { WebSocketProtocol } from './websocket/protocols.ts';
import { openTunnel } from './websocket/tunnel.ts';

/** A request for an upgrade, as HTTP hands it over. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What came behind the request. */
  readonly head: Buffer;
}

export interface Service {
  readonly ticket: StreamTicket;
  readonly timeouts: ClientTimeouts;
  /** The session ends soon after it. */
  readonly end: AbortSignal;
}

/** How a client was served; undefined when there is no more to tell than that it came and went. */
type Served = CommandOutcome | undefined;

/** Answers the request and serves the client to its end. */
export async function acceptClient(upgrade: Upgrade, by: Negotiated, service: Service): Promise<Served> {
  return by.by === 'websocket'
    ? serveWebSocket(upgrade, by.protocol, service)
    : serveSpdy(answerSpdy(upgrade, by.name), by.version, service);
}

async function serveSpdy(
  socket: Duplex,
  version: number,
  { ticket, timeouts, end }: Service,
): Promise<Served> {
  if (ticket.kind === 'portforward') {
    await servePortForward(acceptSpdyPortForward(socket, timeouts), ticket, end);
    return undefined;
  }
  let client: CommandClient;
  try {
    client = await acceptSpdyCommand(socket, version, ticket.streams, timeouts);
  } catch (cause) {
    // A client that leaves or does not open its streams has got no session: there is nothing to end.
    return { kind: 'failed', message: describeError(cause) };
  }
  return serveCommand(client, ticket, end);
}

async function serveWebSocket(
  upgrade: Upgrade,
  protocol: WebSocketProtocol,
  { ticket, timeouts, end }: Service,
): Promise<Served> {
  return new Promise<Served>((resolve, reject) => {
    // A handshake that is no good was answered by the library, and the socket closes.
    const refused = (): void => resolve({ kind: 'failed', message: 'the WebSocket handshake was no good' });
    upgrade.socket.once('close', refused);
    acceptWebSocket(upgrade, protocol, (socket) => {
      upgrade.socket.off('close', refused);
      const served: Promise<Served> =
        ticket.kind === 'portforward'
          ? servePortForward(forwardClient(socket, protocol, ticket, timeouts), ticket, end).then(
              () => undefined,
            )
          : serveCommand(
              new WebSocketCommandClient(socket, protocol, ticket.streams, timeouts.idleMs),
              ticket,
              end,
            );
      served.then(resolve, reject);
    });
  });
}

function forwardClient(
  socket: WebSocket,
  protocol: WebSocketProtocol,
  { ports }: PortForwardTicket,
  timeouts: ClientTimeouts,
): PortForwardClient {
  return protocol.form === 'tunnel'
    ? acceptSpdyPortForward(openTunnel(socket, timeouts.idleMs), { ...timeouts, idleMs: 0 })
    : new WebSocketPortForwardClient(socket, protocol, ports, timeouts.idleMs);
}
