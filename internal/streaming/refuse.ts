// Answers to requests that become no stream.

import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Refusal } from './negotiate.ts';

/** A request without an upgrade. The connection is closed. */
export function refuseRequest(response: ServerResponse, { code, text, headers = [] }: Refusal): void {
  for (const [name, value] of headers) response.appendHeader(name, value);
  response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  response.end(`${text}\n`);
}

/** A request for an upgrade, which HTTP has handed over as a bare socket. It is closed. */
export function refuseUpgrade(socket: Duplex, { code, text, headers = [] }: Refusal): void {
  const body = `${text}\n`;
  const lines = [
    `HTTP/1.1 ${code} ${STATUS_CODES[code]}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
