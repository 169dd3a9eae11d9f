// A byte stream through binary WebSocket messages: what speaks SPDY on it need not know.

import { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { keptBytes } from '../../sys/kept-bytes.ts';
import { WebSocketConnection } from './connection.ts';

/** What waits in either direction before its sender has to. */
const bufferBytes = 256 * 1024;

/** Its end closes the connection behind what was written. The idle limit is its own: pings around it count too. `idleMs` 0: no limit. */
export function openTunnel(socket: WebSocket, idleMs: number): Duplex {
  const connection = new WebSocketConnection(socket, idleMs, (message) => {
    if (!tunnel.destroyed && !tunnel.readableEnded && !tunnel.push(keptBytes(message)))
      connection.pause(tunnel);
  });
  const tunnel: Duplex = new Duplex({
    highWaterMark: bufferBytes,
    read: () => connection.resume(tunnel),
    write: (chunk: Buffer, _encoding, done) => connection.send(chunk, () => done()),
    final(done) {
      void connection.close().then(() => done());
    },
    destroy(error, done) {
      connection.destroy();
      done(error);
    },
  });
  connection.gone.addEventListener('abort', () => tunnel.push(null), { once: true });
  return tunnel.on('error', () => {});
}
