// From an answered request to a client that is served, by protocol.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Negotiated } from './negotiate.ts';
import { refuseUpgrade } from './refuse.ts';
import { serveCommand } from './serve-command.ts';
import { servePortForward } from './serve-port-forward.ts';
import type { ClientTimeouts } from './stream-client.ts';
import type { StreamTicket } from './stream-ticket.ts';
import { acceptWebSocket } from './websocket/accept-upgrade.ts';
import { WebSocketCommandClient } from './websocket/command-client.ts';
import { WebSocketPortForwardClient } from './websocket/port-forward-client.ts';
import type { WebSocketProtocol } from './websocket/protocols.ts';

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

/** Answers the request and serves the client to its end. */
export async function acceptClient(upgrade: Upgrade, by: Negotiated, service: Service): Promise<void> {
  if (by.by === 'websocket') {
    await serveWebSocket(upgrade, by.protocol, service);
  } else {
    refuseUpgrade(upgrade.socket, { code: 501, text: 'SPDY is not served yet' });
  }
}

async function serveWebSocket(
  upgrade: Upgrade,
  protocol: WebSocketProtocol,
  { ticket, timeouts, end }: Service,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // A handshake that is no good was answered by the library, and the socket closes.
    upgrade.socket.once('close', resolve);
    acceptWebSocket(upgrade, protocol, (socket) => {
      upgrade.socket.off('close', resolve);
      const { idleMs } = timeouts;
      const served =
        ticket.kind === 'portforward'
          ? servePortForward(
              new WebSocketPortForwardClient(socket, protocol, ticket.ports, idleMs),
              ticket,
              end,
            )
          : serveCommand(new WebSocketCommandClient(socket, protocol, ticket.streams, idleMs), ticket, end);
      served.then(resolve, reject);
    });
  });
}
