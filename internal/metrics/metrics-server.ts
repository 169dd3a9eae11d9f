// Serves the metrics to Prometheus: on a TCP address and, if asked for, on a unix socket.

import { chmod } from 'node:fs/promises';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { listen } from '../async/listen.ts';
import { removeStaleSocket } from '../async/stale-socket.ts';
import { describeError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import { followIdentity, readIdentity, type ServerIdentity } from '../tls/server-identity.ts';
import type { Metrics } from './metrics.ts';

export interface MetricsServerSettings {
  readonly host: string;
  readonly port: number;
  /** Path of a unix socket; empty for none. */
  readonly socket: string;
  /** Undefined: plain HTTP. Else HTTPS on both. */
  readonly identity: ServerIdentity | undefined;
}

export interface MetricsServer {
  /** `host:port` where it is reached. */
  readonly address: string;
  close(): Promise<void>;
}

/** Listens on everything asked for, or on nothing: then it rejects with the address that was not to be had. */
export async function startMetricsServer(
  metrics: Metrics,
  settings: MetricsServerSettings,
  logger: Logger,
): Promise<MetricsServer> {
  const stop = new AbortController();
  const servers: Server[] = [];
  const connections = new Set<Socket>();
  const close = async (): Promise<void> => {
    stop.abort();
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const socket of connections) socket.destroy(); // HTTP does not know those whose TLS has not begun
    await Promise.all(closed);
  };
  const keep = (server: Server): void => {
    servers.push(server);
    server.on('connection', (socket: Socket) => {
      connections.add(socket);
      socket.once('close', () => connections.delete(socket));
    });
  };
  try {
    const tcp = await makeServer(metrics, settings.identity, logger, stop.signal);
    const { host, port } = settings;
    await listen(tcp, { host, port }, refusalOn(`${host}:${port}`), logger);
    keep(tcp);
    if (settings.socket !== '') {
      await removeStaleSocket(settings.socket, 'metrics_socket in [crio.metrics]');
      const unix = await makeServer(metrics, settings.identity, logger, stop.signal);
      await listen(unix, { path: settings.socket }, refusalOn(settings.socket), logger);
      keep(unix);
      await chmod(settings.socket, 0o660);
    }
    return { address: addressOf(tcp), close };
  } catch (cause) {
    await close();
    throw cause;
  }
}

async function makeServer(
  metrics: Metrics,
  identity: ServerIdentity | undefined,
  logger: Logger,
  signal: AbortSignal,
): Promise<Server> {
  const handler: RequestListener = (request, response) => {
    answer(metrics, request, response).catch((cause: unknown) => {
      logger.error({ error: describeError(cause) }, 'cannot collect the metrics');
      response.writeHead(500).end('cannot collect the metrics\n');
    });
  };
  if (identity === undefined) return createServer(handler);
  const server = createTlsServer(await readIdentity(identity), handler);
  followIdentity(identity, (options) => server.setSecureContext(options), logger, signal);
  return server;
}

async function answer(metrics: Metrics, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url?.split('?')[0];
  if (path !== '/metrics') {
    response.writeHead(404).end('the metrics are at /metrics\n');
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
  } else {
    const { text, contentType } = await metrics.read();
    response
      .writeHead(200, { 'content-type': contentType })
      .end(request.method === 'HEAD' ? undefined : text);
  }
}

function refusalOn(address: string): (why: string) => string {
  return (why) =>
    `cannot serve metrics on "${address}" (${why}); change metrics_host, metrics_port or metrics_socket in [crio.metrics]`;
}

function addressOf(server: Server): string {
  const address = server.address();
  return typeof address === 'object' && address !== null
    ? `${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`
    : '';
}
