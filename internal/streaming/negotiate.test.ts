import assert from 'node:assert/strict';
import { test } from 'node:test';
import { negotiate, parseStreamPath } from './negotiate.ts';

const spdy = { connection: 'Upgrade', upgrade: 'SPDY/3.1' };
const webSocket = { connection: 'keep-alive, Upgrade', upgrade: 'websocket' };

test('paths', () => {
  assert.deepEqual(parseStreamPath('/exec/a-b_c'), { kind: 'exec', token: 'a-b_c' });
  assert.deepEqual(parseStreamPath('/portforward/x?port=80'), { kind: 'portforward', token: 'x' });
  for (const path of ['/', '/exec', '/exec/', '/exec/a/b', '/logs/a', '/attach/a%20b', '//exec/a'])
    assert.equal(parseStreamPath(path), undefined, path);
});

test('SPDY: the first protocol of the client that is known', () => {
  const offer = (names: string) => negotiate('exec', { ...spdy, 'x-stream-protocol-version': names });
  assert.deepEqual(offer('v5.channel.k8s.io, v4.channel.k8s.io, v3.channel.k8s.io'), {
    ...{ by: 'spdy', name: 'v4.channel.k8s.io', version: 4 },
  });
  assert.deepEqual(offer('v2.channel.k8s.io,v4.channel.k8s.io'), {
    ...{ by: 'spdy', name: 'v2.channel.k8s.io', version: 2 },
  });
  assert.deepEqual(offer('channel.k8s.io'), { by: 'spdy', name: 'channel.k8s.io', version: 1 });
  assert.deepEqual(negotiate('portforward', { ...spdy, 'x-stream-protocol-version': 'portforward.k8s.io' }), {
    by: 'spdy',
    name: 'portforward.k8s.io',
    version: 1,
  });
});

test('SPDY: what is wrong is told in the order of the Go servers', () => {
  const code = (headers: Record<string, string>): number => {
    const answer = negotiate('attach', headers);
    return 'code' in answer ? answer.code : 101;
  };
  assert.equal(code({}), 400);
  assert.equal(code(spdy), 400);
  assert.equal(code({ 'x-stream-protocol-version': 'v9.channel.k8s.io' }), 403);
  assert.equal(code({ ...spdy, 'x-stream-protocol-version': 'portforward.k8s.io' }), 403);
  assert.equal(code({ 'x-stream-protocol-version': 'v4.channel.k8s.io' }), 400);
  assert.equal(code({ ...spdy, upgrade: 'h2c', 'x-stream-protocol-version': 'v4.channel.k8s.io' }), 400);
  assert.equal(code({ ...spdy, 'x-stream-protocol-version': 'v4.channel.k8s.io' }), 101);
  // a proxy that has put it there twice, or one that would take something else too
  for (const upgrade of ['SPDY/3.1, SPDY/3.1', 'h2c,spdy/3.1'])
    assert.equal(code({ ...spdy, upgrade, 'x-stream-protocol-version': 'v4.channel.k8s.io' }), 101, upgrade);
});

test('SPDY: a client without a common protocol is told which there are', () => {
  const answer = negotiate('exec', { ...spdy, 'x-stream-protocol-version': 'v9.channel.k8s.io' });
  assert.ok('code' in answer);
  assert.deepEqual(
    answer.headers?.map(([, value]) => value),
    ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'],
  );
});

test('WebSocket: protocols of commands', () => {
  const offer = (names?: string) =>
    negotiate('exec', { ...webSocket, ...(names !== undefined && { 'sec-websocket-protocol': names }) });
  for (const [names, name, version, isBase64] of [
    ['v5.channel.k8s.io', 'v5.channel.k8s.io', 5, false],
    ['v9.channel.k8s.io, v4.channel.k8s.io', 'v4.channel.k8s.io', 4, false],
    ['v4.base64.channel.k8s.io', 'v4.base64.channel.k8s.io', 4, true],
    ['base64.channel.k8s.io,channel.k8s.io', 'base64.channel.k8s.io', 1, true],
    ['channel.k8s.io', 'channel.k8s.io', 1, false],
    [undefined, '', 1, false],
  ] as const) {
    const protocol = { name, form: 'channels', isBase64, version };
    assert.deepEqual(offer(names), { by: 'websocket', protocol }, names);
  }
  const refused = offer('SPDY/3.1+portforward.k8s.io');
  assert.ok('code' in refused);
  assert.equal(refused.code, 403);
});

test('WebSocket: protocols of port-forward', () => {
  const offer = (names: string) =>
    negotiate('portforward', { ...webSocket, 'sec-websocket-protocol': names });
  const tunnel = offer('SPDY/3.1+portforward.k8s.io');
  assert.ok(!('code' in tunnel) && tunnel.by === 'websocket');
  assert.equal(tunnel.protocol.form, 'tunnel');
  const channels = offer('v4.base64.channel.k8s.io');
  assert.ok(!('code' in channels) && channels.by === 'websocket');
  assert.deepEqual([channels.protocol.form, channels.protocol.isBase64], ['channels', true]);
  const refused = offer('v5.channel.k8s.io');
  assert.ok('code' in refused);
  assert.equal(refused.code, 403);
});
