import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAge, formatContainers, formatPods, formatSessions } from './workload-output.ts';

const now = new Date('2026-01-02T03:04:05Z');
const ago = (seconds: number): Date => new Date(now.getTime() - seconds * 1000);

test('ages are in the largest unit of which there are two', () => {
  const ages = [-5, 0, 59, 119, 120, 7199, 7200, 172_799, 172_800, 8_640_000].map((seconds) =>
    formatAge(ago(seconds), now),
  );
  assert.deepEqual(ages, ['0s', '0s', '59s', '119s', '2m', '119m', '2h', '47h', '2d', '100d']);
});

test('formatContainers prints one line each, and nothing steers the terminal', () => {
  const container = {
    id: 'a'.repeat(64),
    name: 'web',
    attempt: 2,
    state: 'running' as const,
    createdAt: ago(600),
    image: 'registry.example/\u001b[2Jweb:1',
    labels: {},
    podId: 'b'.repeat(64),
    podName: 'shop-0',
    podNamespace: 'default',
  };
  assert.equal(
    formatContainers([container], now),
    'CONTAINER ID   NAME  POD             STATE    ATTEMPT  AGE  IMAGE\n' +
      'aaaaaaaaaaaaa  web   default/shop-0  running  2        10m  registry.example/?[2Jweb:1\n',
  );
});

test('formatSessions prints a dash for the container of a port-forward', () => {
  const pod = { id: 'a'.repeat(64), podName: 'shop-0', podNamespace: 'default' };
  assert.equal(
    formatSessions([
      { ...pod, kind: 'exec', container: 'web', count: 2 },
      { ...pod, kind: 'portforward', container: undefined, count: 1 },
    ]),
    'KIND         POD             CONTAINER  SESSIONS\n' +
      'exec         default/shop-0  web        2\n' +
      'portforward  default/shop-0  -          1\n',
  );
});

test('formatPods prints addresses, and a dash for none', () => {
  const pod = {
    id: 'a'.repeat(64),
    name: 'shop-0',
    namespace: 'default',
    attempt: 0,
    state: 'ready' as const,
    createdAt: ago(60),
    runtimeHandler: 'runc',
    labels: {},
  };
  const other = { ...pod, id: 'b'.repeat(64), state: 'not-ready' as const, runtimeHandler: '' };
  assert.equal(
    formatPods([pod, other], new Map([[pod.id, ['10.0.0.2', 'fd00::2']]]), now),
    'POD ID         NAMESPACE  NAME    STATE      ATTEMPT  AGE  RUNTIME  IP\n' +
      'aaaaaaaaaaaaa  default    shop-0  ready      0        60s  runc     10.0.0.2,fd00::2\n' +
      'bbbbbbbbbbbbb  default    shop-0  not-ready  0        60s  -        -\n',
  );
});
