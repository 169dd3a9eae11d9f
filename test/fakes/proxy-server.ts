// Proxies that lead every name to one port of the loopback address, and remember what they were asked.

import {
  createServer as createHttp,
  type Server as HttpServer,
  type IncomingMessage,
  request,
} from 'node:http';
import { type AddressInfo, connect, createServer as createTcp, type Server, type Socket } from 'node:net';

interface Listening {
  readonly port: number;
  /** Where everything is led to from now on. */
  targetPort: number;
  /** What was asked for, in order. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** Where a proxy leads to, and what it was asked. */
interface Way {
  targetPort: number;
  readonly asked: string[];
}

async function listening(server: Server | HttpServer, way: Way): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => void sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(way, {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** An HTTP proxy; with `login` (`user:password`) it asks for it. */
export function httpProxy(targetPort: number, login?: string): Promise<Listening> {
  const way: Way = { targetPort, asked: [] };
  const isAllowed = ({ headers }: IncomingMessage): boolean =>
    login === undefined ||
    headers['proxy-authorization'] === `Basic ${Buffer.from(login).toString('base64')}`;
  const server = createHttp((incoming, response) => {
    way.asked.push(`${incoming.method} ${incoming.url}`);
    if (!isAllowed(incoming)) {
      response.writeHead(407).end();
      return;
    }
    const { pathname, search } = new URL(incoming.url ?? '');
    const path = pathname + search;
    request({ host: '127.0.0.1', port: way.targetPort, path, headers: incoming.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    }).end();
  });
  server.on('connect', (incoming: IncomingMessage, socket: Socket) => {
    way.asked.push(`CONNECT ${incoming.url}`);
    socket.on('error', () => {});
    if (!isAllowed(incoming)) {
      socket.end('HTTP/1.1 407 no\r\n\r\n');
      return;
    }
    const target = connect(way.targetPort, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 ok\r\n\r\n');
      target.pipe(socket).pipe(target);
    });
    joinEnds(socket, target);
  });
  return listening(server, way);
}

/** A SOCKS5 proxy; with `login` it asks for it. Replies with `refusal` (RFC 1928 section 6) if that is not 0. */
export function socksProxy(targetPort: number, login?: string, refusal = 0): Promise<Listening> {
  const way: Way = { targetPort, asked: [] };
  const server = createTcp((socket) => {
    socket.on('error', () => {});
    serveSocks(socket, { way, login, refusal }).catch(() => socket.destroy());
  });
  return listening(server, way);
}

interface SocksParts {
  readonly way: Way;
  readonly login: string | undefined;
  readonly refusal: number;
}

async function serveSocks(socket: Socket, { way, login, refusal }: SocksParts): Promise<void> {
  const next = (): Promise<Buffer> => new Promise((resolve) => socket.once('data', resolve));
  await next();
  socket.write(Buffer.of(5, login === undefined ? 0 : 2));
  if (login !== undefined) {
    const message = await next();
    const nameLength = message[1] ?? 0;
    const name = message.subarray(2, 2 + nameLength);
    const isRight = `${name}:${message.subarray(3 + nameLength)}` === login;
    socket.write(Buffer.of(1, isRight ? 0 : 1));
    if (!isRight) return;
  }
  const wanted = await next();
  way.asked.push(`SOCKS ${wanted.subarray(5, -2)}:${wanted.readUInt16BE(wanted.length - 2)}`);
  const target = connect(way.targetPort, '127.0.0.1', () => {
    socket.write(Buffer.of(5, refusal, 0, 1, 127, 0, 0, 1, 0, 0));
    if (refusal === 0) target.pipe(socket).pipe(target);
    else socket.end();
  });
  joinEnds(socket, target);
}

/** When one is closed the other is too. */
function joinEnds(socket: Socket, target: Socket): void {
  target.on('error', () => socket.destroy());
  socket.on('close', () => target.destroy());
  target.on('close', () => socket.destroy());
}
