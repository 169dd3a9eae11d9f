// The client's side of SOCKS5 (RFC 1928) with name and password (RFC 1929), up to the point where the target is reached.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { isIPv4 } from 'node:net';

const version = 5;
const noAuthentication = 0;
const byPassword = 2;
const refusals: readonly string[] = [
  'reached',
  'it failed',
  'its rules forbid the connection',
  'the network is unreachable from it',
  'the host is unreachable from it',
  'the registry refused its connection',
];

/** Resolves with why the proxy refuses, or undefined when `socket` is connected to the target. */
export async function socks5(
  socket: Socket,
  { host, port }: { host: string; port: number },
  login: { name: string; password: string } | undefined,
): Promise<string | undefined> {
  await once(socket, 'connect');
  const methods = login === undefined ? [noAuthentication] : [noAuthentication, byPassword];
  socket.write(Uint8Array.of(version, methods.length, ...methods));
  const [spoken, method] = await read(socket, 2);
  if (spoken !== version) return 'it does not speak SOCKS5';
  if (method === byPassword && login !== undefined) {
    const [name, password] = [Buffer.from(login.name), Buffer.from(login.password)];
    if (name.length > 255 || password.length > 255) return 'its name or password is too long';
    socket.write(Buffer.concat([Buffer.of(1, name.length), name, Buffer.of(password.length), password]));
    if ((await read(socket, 2))[1] !== 0) return 'it wants other credentials';
  } else if (method !== noAuthentication) {
    return 'it wants credentials';
  }
  socket.write(Buffer.concat([Buffer.of(version, 1, 0), addressOf(host), portBytes(port)]));
  const [, reply = 1, , kind = 0] = await read(socket, 4);
  if (reply !== 0) return refusals[reply] ?? `it failed (SOCKS error ${reply})`;
  const addressLength = kind === 1 ? 4 : kind === 4 ? 16 : ((await read(socket, 1))[0] ?? 0);
  await read(socket, addressLength + 2);
  return undefined;
}

/** Names are looked up by the proxy. */
function addressOf(host: string): Buffer {
  if (isIPv4(host)) return Buffer.of(1, ...host.split('.').map(Number));
  const name = Buffer.from(host);
  return Buffer.concat([Buffer.of(3, name.length), name]);
}

function portBytes(port: number): Buffer {
  return Buffer.of(port >> 8, port & 0xff);
}

/** Exactly `length` bytes; what comes after them stays in the socket. */
async function read(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(length) as Buffer | null;
    if (bytes !== null && bytes.length === length) return bytes;
    if (bytes !== null || socket.readableEnded || socket.destroyed) throw new Error('the connection was cut');
    await Promise.race([once(socket, 'readable'), once(socket, 'close'), once(socket, 'end')]);
  }
}
