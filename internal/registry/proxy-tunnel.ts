// A TCP connection to a host through a proxy: by CONNECT (RFC 9110 section 9.3.6) or by SOCKS5 (RFC 1928, 1929).

import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect, type Socket } from 'node:net';
import { socks5 } from './socks5.ts';

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** A failure before the registry was reached; it names the proxy without its password. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  readonly proxy: string;
  readonly code: string | undefined;

  constructor(proxy: URL, message: string, cause?: unknown) {
    super(message, { cause });
    this.proxy = proxy.host;
    const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
    this.code = code;
  }
}

/** Resolves with the connection, on which nothing has been said yet. */
export async function openTunnel(proxy: URL, target: Target, timeoutMs: number): Promise<Socket> {
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    return proxy.protocol.startsWith('socks5')
      ? await throughSocks(proxy, target, limit)
      : await throughHttp(proxy, target, limit);
  } catch (cause) {
    if (cause instanceof ProxyError) throw cause;
    const text = limit.aborted ? 'it does not answer' : 'it cannot be reached';
    throw new ProxyError(proxy, text, limit.aborted ? undefined : cause);
  }
}

/** The header that a proxy with a name and a password wants. */
export function proxyAuthorization(proxy: URL): Readonly<Record<string, string>> {
  if (proxy.username === '') return {};
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}

function throughHttp(proxy: URL, { host, port }: Target, signal: AbortSignal): Promise<Socket> {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const send = proxy.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const request = send({
      ...addressOf(proxy),
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...proxyAuthorization(proxy) },
      agent: false,
      signal,
    });
    const refuse = ({ statusCode }: IncomingMessage, socket?: Socket): void => {
      socket?.destroy();
      request.destroy();
      const hint = statusCode === 407 ? 'it wants other credentials' : 'it refuses the connection';
      reject(new ProxyError(proxy, `${hint} (HTTP ${statusCode})`));
    };
    request.once('connect', (response: IncomingMessage, socket: Socket, head: Buffer) => {
      if (response.statusCode !== 200) return refuse(response, socket);
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.once('response', refuse);
    request.once('error', reject);
    request.end();
  });
}

/** Where the proxy itself is. */
export function addressOf(proxy: URL): { host: string; port: number } {
  const usual = { 'http:': 80, 'https:': 443 }[proxy.protocol] ?? 1080;
  return { host: proxy.hostname.replace(/^\[|\]$/g, ''), port: Number(proxy.port) || usual };
}

async function throughSocks(proxy: URL, target: Target, signal: AbortSignal): Promise<Socket> {
  const socket = connect(addressOf(proxy));
  const end = (): void => void socket.destroy(new Error('the time is over'));
  signal.addEventListener('abort', end, { once: true });
  try {
    const name = decodeURIComponent(proxy.username);
    const password = decodeURIComponent(proxy.password);
    const refusal = await socks5(socket, target, name === '' ? undefined : { name, password });
    if (refusal === undefined) return socket;
    throw new ProxyError(proxy, refusal);
  } catch (cause) {
    socket.destroy();
    throw cause;
  } finally {
    signal.removeEventListener('abort', end);
  }
}
