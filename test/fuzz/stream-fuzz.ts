// Clients that send mutated frames to the stream server, many at once, in the server's own process: whatever they send, the
// process lives, each connection is closed, and nothing of them is left.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { silentLogger } from '../../internal/log/logger.ts';
import { streamMetrics } from '../../internal/metrics/stream-metrics.ts';
import { StreamServer } from '../../internal/streaming/stream-server.ts';
import { MemorySession } from '../fakes/memory-session.ts';
import { mutate } from './mutate.ts';
import { Random } from './random.ts';
import { spdyScript } from './spdy-script.ts';
import { webSocketScript } from './websocket-script.ts';

export interface FuzzOptions {
  readonly seed: number;
  readonly frames: number;
  /** Called after every connection with the number of frames so far. */
  readonly onProgress?: (frames: number) => Promise<void> | void;
}

const atOnce = 8;
const closeLimitMs = 60_000;
const timeouts = { idleMs: 30_000, creationMs: 500 };

interface Way {
  readonly kind: 'exec' | 'portforward';
  readonly headers: readonly string[];
  readonly script: (random: Random) => Buffer[];
}

function spdy(kind: Way['kind'], protocol: string): Way {
  const use = kind === 'exec' ? 'command' : 'portforward';
  const headers = ['Upgrade: SPDY/3.1', `X-Stream-Protocol-Version: ${protocol}`];
  return { kind, headers, script: (random) => spdyScript(random, use) };
}

function webSocket(kind: Way['kind'], protocol: string, use: Parameters<typeof webSocketScript>[1]): Way {
  const headers = [
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    `Sec-WebSocket-Protocol: ${protocol}`,
  ];
  return { kind, headers, script: (random) => webSocketScript(random, use) };
}

const ways: readonly Way[] = [
  spdy('exec', 'v4.channel.k8s.io'),
  spdy('exec', 'channel.k8s.io'),
  spdy('portforward', 'portforward.k8s.io'),
  webSocket('exec', 'v5.channel.k8s.io', 'channels'),
  webSocket('exec', 'v4.base64.channel.k8s.io', 'base64'),
  webSocket('portforward', 'v4.channel.k8s.io', 'channels'),
  webSocket('portforward', 'SPDY/3.1+portforward.k8s.io', 'tunnel'),
];

/** A command that answers with what it is sent, and exits at the end of that. */
function echoSession(): MemorySession {
  const session = new MemorySession();
  session.stdin.on('error', () => {}).pipe(session.stdout, { end: false });
  session.stdout.on('error', () => {});
  session.stdin.once('end', () => session.exits(0));
  return session;
}

function offer(server: StreamServer, { kind }: Way, owner: string): string {
  if (kind === 'portforward') {
    const dial = async (port: number): Promise<PassThrough> => {
      if (port === 81) throw new Error('connection refused');
      return new PassThrough().on('error', () => {});
    };
    const watch = () => ({ stopped: new AbortController().signal, release: () => {} });
    return server.offer({ kind, owner, ports: [80, 81], dial, watch });
  }
  const streams = { stdin: true, stdout: true, stderr: true, terminal: false };
  const open = async (signal: AbortSignal): Promise<MemorySession> => {
    const session = echoSession();
    signal.addEventListener('abort', () => session.close());
    if (signal.aborted) session.close();
    return session;
  };
  return server.offer({ kind: 'exec', owner, streams, open });
}

async function upgraded(url: string, { headers }: Way): Promise<Socket> {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  socket.on('error', () => {}); // a server may cut off who breaks the protocol
  const lines = [`GET ${pathname} HTTP/1.1`, 'Host: fuzz', 'Connection: Upgrade', ...headers];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  if (!answer.toString('latin1').startsWith('HTTP/1.1 101')) throw new Error(`no upgrade: ${answer}`);
  socket.resume();
  return socket;
}

/** Sends `frames` cut anywhere, then leaves in one of the ways of clients; resolves when the connection is closed. */
async function play(socket: Socket, frames: readonly Buffer[], random: Random): Promise<void> {
  const closed = socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', resolve));
  const bytes = Buffer.concat(frames);
  for (let at = 0; at < bytes.length && socket.writable; ) {
    const size = 1 + random.below(random.pick([30, 3000, 100_000]));
    socket.write(bytes.subarray(at, at + size));
    at += size;
    if (random.oneIn(8)) await new Promise((resolve) => setImmediate(resolve));
  }
  const leaving = random.below(10);
  if (leaving === 0) socket.resetAndDestroy();
  else if (leaving === 1) socket.destroy();
  else socket.end();
  const limit = new AbortController();
  const late = sleep(closeLimitMs, true, { signal: limit.signal, ref: true }).catch(() => false);
  const isLate = await Promise.race([closed.then(() => false), late]);
  limit.abort();
  if (isLate === true) throw new Error('the server does not close the connection');
}

/** Sends at least `frames` frames; rejects, with the seed of the connection, when something is wrong. */
export async function fuzzStreams({ seed, frames, onProgress }: FuzzOptions): Promise<number> {
  const registry = new Registry();
  const address = { host: '127.0.0.1', port: 0 };
  const server = new StreamServer(
    { address, timeouts, identity: undefined },
    streamMetrics(registry),
    silentLogger,
  );
  await server.listen();
  let [sent, connection] = [0, 0];
  const work = async (): Promise<void> => {
    while (sent < frames) {
      const own = seed + connection++;
      const random = new Random(own);
      const way = random.pick(ways);
      const script = mutate(way.script(random), random, random.pick([2, 5, 20]));
      try {
        await play(await upgraded(offer(server, way, `owner-${own}`), way), script, random);
      } catch (cause) {
        throw new Error(`seed ${own}, ${way.headers.join(', ')}`, { cause });
      }
      sent += script.length;
      await onProgress?.(sent);
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
    await noSessions(registry);
  } finally {
    await server.close();
  }
  return sent;
}

/** The server hears of the end of a connection after the client. */
async function noSessions(registry: Registry): Promise<void> {
  const deadline = performance.now() + closeLimitMs;
  for (;;) {
    const text = await registry.getSingleMetricAsString('cria_stream_sessions');
    const live = [...text.matchAll(/^cria_stream_sessions\S* (\d+)$/gm)].map(([, count]) => Number(count));
    if (live.every((count) => count === 0)) return;
    if (performance.now() > deadline) throw new Error(`sessions are left: ${text}`);
    await sleep(10);
  }
}
