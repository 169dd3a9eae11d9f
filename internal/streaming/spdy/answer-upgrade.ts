// The answer to a request for an upgrade to SPDY.

import type { Duplex } from 'node:stream';

/** Answers that the connection is SPDY/3.1 from here on and speaks `protocol`; returns it with what came behind the request. */
export function answerSpdy({ socket, head }: { socket: Duplex; head: Buffer }, protocol: string): Duplex {
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    `X-Stream-Protocol-Version: ${protocol}`,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  if (head.length > 0) socket.unshift(head);
  return socket;
}
