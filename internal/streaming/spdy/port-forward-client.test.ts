import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { type SocketPair, socketPair } from '../../../test/harness/socket-pair.ts';
import { type ClientStream, SpdyClient } from '../../../test/harness/spdy-client.ts';
import type { ForwardedConnection, PortForwardClient } from '../stream-client.ts';
import { headerDictionary } from './header-dictionary.ts';
import { acceptSpdyPortForward } from './port-forward-client.ts';

const patient = { idleMs: 600_000, creationMs: 600_000 };
const fin = 1;

interface World {
  readonly pair: SocketPair;
  readonly spdy: SpdyClient;
  readonly client: PortForwardClient;
  /** The next connection that the client opens. */
  readonly next: () => Promise<ForwardedConnection>;
}

async function world(t: TestContext, timeouts = patient): Promise<World> {
  const pair = await socketPair();
  t.after(() => {
    pair.client.destroy();
    pair.server.destroy();
  });
  const client = acceptSpdyPortForward(pair.server, timeouts);
  const [come, waiting]: [ForwardedConnection[], ((connection: ForwardedConnection) => void)[]] = [[], []];
  client.onConnection((connection) => {
    const first = waiting.shift();
    if (first === undefined) come.push(connection);
    else first(connection);
  });
  const next = (): Promise<ForwardedConnection> => {
    const first = come.shift();
    return first === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(first);
  };
  return { pair, client, next, spdy: new SpdyClient(pair.client, headerDictionary()) };
}

/** All of it; unlike an iterator it leaves the other direction alone. */
async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks).toString('utf8');
}

async function forward(
  spdy: SpdyClient,
  port: number,
  id?: number,
): Promise<Record<'data' | 'error', ClientStream>> {
  const headers = { port: String(port), ...(id === undefined ? {} : { requestid: String(id) }) };
  const error = await spdy.open({ ...headers, streamtype: 'error' }, fin);
  return { error, data: await spdy.open({ ...headers, streamtype: 'data' }) };
}

test('a connection: both directions end apart, and the error stream says nothing', async (t) => {
  const { spdy, next } = await world(t);
  const remote = await forward(spdy, 8080, 0);
  const { port, data } = await next();
  assert.equal(port, 8080);
  remote.data.end('the request');
  assert.equal(await textOf(data), 'the request');
  data.end('the answer, behind the end of the request');
  await spdy.until('both ends', () => remote.data.hasEnded && remote.error.hasEnded);
  assert.equal(remote.data.text(), 'the answer, behind the end of the request');
  assert.equal(remote.error.text(), '');
  assert.equal(remote.data.resetStatus, undefined);
});

test('the pod ends its side first: the error stream ends too, for clients that close the connection only then', async (t) => {
  const { spdy, next } = await world(t);
  const remote = await forward(spdy, 80, 0);
  const { data } = await next();
  data.end('all of it');
  await spdy.until('both ends', () => remote.data.hasEnded && remote.error.hasEnded);
  assert.deepEqual([remote.data.text(), remote.error.text()], ['all of it', '']);
  assert.equal(remote.data.resetStatus, undefined);
  remote.data.end('still heard');
  assert.equal(await textOf(data), 'still heard');
});

test('a connection whose client has ended its side holds up no other, however much waits in it', async (t) => {
  const { spdy, next } = await world(t);
  const payload = Buffer.alloc(264 * 1024, 'more than a stream takes unread ');
  const full = await forward(spdy, 80, 1);
  full.data.end(payload);
  const { data } = await next();
  const other = await forward(spdy, 81, 2);
  other.data.end('another request');
  assert.equal(await textOf((await next()).data), 'another request');
  assert.equal((await textOf(data)).length, payload.length);
});

test('connections are paired by their request ids, in whatever order the streams come', async (t) => {
  const { spdy, next } = await world(t);
  const ids = [5, 3, 9];
  const open = (streamtype: string, requestid: number, port: number): Promise<ClientStream> =>
    spdy.open({ streamtype, requestid: String(requestid), port: String(port) });
  const data = await Promise.all(ids.map((id) => open('data', id, 1000 + id)));
  await Promise.all(ids.toReversed().map((id) => open('error', id, 1000 + id)));
  for (const id of ids.toReversed()) {
    const connection = await next();
    assert.equal(connection.port, 1000 + id);
    connection.data.write(`for ${id}`);
  }
  await spdy.until('all data', () => ids.every((id, i) => data[i]!.text() === `for ${id}`));
});

test('clients without request ids open the error stream, then the data stream', async (t) => {
  const { spdy, next } = await world(t);
  for (const port of [80, 81]) {
    const remote = await forward(spdy, port);
    const connection = await next();
    assert.equal(connection.port, port);
    connection.data.write('x');
    await spdy.until('data', () => remote.data.text() === 'x');
  }
});

test('why there is nothing is told on the error stream, and the connection dropped', async (t) => {
  const { spdy, next } = await world(t);
  const remote = await forward(spdy, 80, 1);
  (await next()).fail('connection refused');
  await spdy.until('the text', () => remote.error.hasEnded && remote.data.resetStatus !== undefined);
  assert.equal(remote.error.text(), 'connection refused');
  assert.equal((await forward(spdy, 81, 2)).data.hasReplied, true);
});

test('a reset by the client drops the connection, and the error stream ends', async (t) => {
  const { spdy, next } = await world(t);
  const remote = await forward(spdy, 80, 1);
  const { data } = await next();
  data.resume();
  remote.data.reset();
  await once(data, 'close');
  await spdy.until('the end of the error stream', () => remote.error.hasEnded);
});

test('a stream without a port, with an odd port or type, or that came twice is reset', async (t) => {
  const { spdy, next } = await world(t);
  const bad = [
    { streamtype: 'data', requestid: '1' },
    { streamtype: 'data', requestid: '2', port: '0' },
    { streamtype: 'data', requestid: '3', port: '65536' },
    { streamtype: 'data', requestid: '4', port: '80x' },
    { streamtype: 'stdin', requestid: '5', port: '80' },
  ];
  const error = await spdy.open({ streamtype: 'error', requestid: '6', port: '80' });
  const streams = await Promise.all(bad.map((headers) => spdy.offer(headers)));
  streams.push(await spdy.offer({ streamtype: 'error', requestid: '6', port: '80' }));
  streams.push(await spdy.offer({ streamtype: 'data', requestid: '6', port: '81' }));
  await spdy.until('resets', () => streams.every((stream) => stream.resetStatus === 1));
  await spdy.open({ streamtype: 'data', requestid: '6', port: '80' });
  assert.equal((await next()).port, 80);
  assert.equal(error.resetStatus, undefined);
});

test('a stream whose other half does not come is told so', async (t) => {
  const { spdy } = await world(t, { idleMs: 600_000, creationMs: 50 });
  const error = await spdy.open({ streamtype: 'error', requestid: '1', port: '80' }, fin);
  const data = await spdy.open({ streamtype: 'data', requestid: '2', port: '80' });
  await spdy.until('both', () => error.hasEnded && data.resetStatus !== undefined);
  assert.match(error.text(), /port 80 has not come in time/);
});

test('200 connections at once, each with its own bytes', async (t) => {
  const { spdy, client, next, pair } = await world(t);
  const payload = (i: number): Buffer => Buffer.alloc(50_000 + i, `connection ${i} `);
  const count = 200;
  const remotes = await Promise.all(Array.from({ length: count }, (_, i) => forward(spdy, 2000 + i, i)));
  for (let i = 0; i < count; i++) {
    const { data } = await next();
    data.pipe(data);
  }
  for (const [i, remote] of remotes.entries()) remote.data.end(payload(i));
  await spdy.until('all echoes', () => remotes.every(({ data }) => data.hasEnded));
  for (const [i, { data }] of remotes.entries())
    assert.ok(Buffer.concat(data.chunks).equals(payload(i)), `${i}`);
  await spdy.until('the ends of the error streams', () => remotes.every(({ error }) => error.hasEnded));
  const closed = client.close();
  await spdy.until('the end', () => spdy.hasEnded);
  pair.client.end();
  await closed;
});

test('when the client leaves its connections are dropped; so they are by close', async (t) => {
  for (const end of ['client', 'server'] as const) {
    const { spdy, next, pair, client } = await world(t);
    await forward(spdy, 80, 1);
    const { data } = await next();
    const dropped = new Promise((resolve) => data.once('close', resolve));
    if (end === 'client') pair.client.destroy();
    const closed = end === 'server' ? client.close() : undefined;
    await dropped;
    pair.client.destroy();
    await closed;
    if (!client.gone.aborted) await once(client.gone, 'abort');
  }
});
