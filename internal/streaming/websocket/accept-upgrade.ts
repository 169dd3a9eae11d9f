// The WebSocket handshake, with a protocol that was chosen already.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { readingMaxMs } from '../stream-client.ts';
import type { WebSocketProtocol } from './protocols.ts';

/** Of one message. Clients in other languages send what they have in one piece; it is held whole. */
const messageMaxBytes = 16 * 1024 * 1024;

/**
 * Answers the request; `use` gets the connection. A request that is no good WebSocket handshake is answered 400 or 405 and
 * the socket closed.
 */
export function acceptWebSocket(
  { request, socket, head }: { request: IncomingMessage; socket: Duplex; head: Buffer },
  protocol: WebSocketProtocol,
  use: (connection: WebSocket) => void,
): void {
  // The library refuses names with a slash, which the tunnel's has: it is not to see them.
  delete request.headers['sec-websocket-protocol'];
  const server = new WebSocketServer({
    ...{ noServer: true, clientTracking: false, perMessageDeflate: false },
    ...{ maxPayload: messageMaxBytes, closeTimeout: readingMaxMs },
  });
  if (protocol.name !== '')
    server.on('headers', (headers) => void headers.push(`Sec-WebSocket-Protocol: ${protocol.name}`));
  server.handleUpgrade(request, socket, head, use);
}
