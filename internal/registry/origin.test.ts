import assert from 'node:assert/strict';
import { test } from 'node:test';
import { transportTo } from '../../test/fakes/registry-client.ts';
import { Locator, peerAt } from './origin.ts';

const never = new AbortController().signal;

test('docker.io is served by another host, and keeps its name in certs.d', async () => {
  const origin = await new Locator(transportTo()).locate('docker.io', false, never);
  assert.equal(origin.url.href, 'https://registry-1.docker.io/');
  assert.deepEqual(peerAt(new URL('/v2/', origin.url), origin), {
    names: ['docker.io'],
    verify: true,
    mustBeOutside: false,
  });
});

test('a port counts as it is written, also the usual one', async () => {
  const origin = await new Locator(transportTo()).locate('r.io:443', false, never);
  assert.equal(origin.url.host, 'r.io');
  assert.deepEqual(peerAt(origin.url, origin).names, ['r.io:443']);
});

test('where a registry sends us its own authorities hold too, after those of the place', async () => {
  const origin = await new Locator(transportTo()).locate('r.io', false, never);
  const peer = peerAt(new URL('https://s3.example:9000/x'), origin);
  assert.deepEqual(peer, { names: ['s3.example:9000', 'r.io'], verify: true, mustBeOutside: true });
});
