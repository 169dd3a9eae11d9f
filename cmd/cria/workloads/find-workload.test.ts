import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findContainer, findPod } from './find-workload.ts';
import type { Container, Pod } from './workload.ts';

function container(id: string, name: string, changes: Partial<Container> = {}): Container {
  return {
    id: id.padEnd(64, '0'),
    name,
    attempt: 0,
    state: 'running',
    createdAt: new Date(0),
    image: '',
    labels: {},
    podId: 'p',
    podName: 'pod',
    podNamespace: 'default',
    ...changes,
  };
}

/** As the daemon's list has them: the newest first. */
const containers = [
  container('c1', 'web', { podName: 'shop' }),
  container('c2', 'web', { podName: 'blog', attempt: 1 }),
  container('c3', 'web', { podName: 'blog', state: 'exited' }),
  container('d1', 'proxy', { podName: 'shop' }),
  container('d2', 'job', { state: 'exited', attempt: 3 }),
  container('d3', 'job', { state: 'exited', attempt: 2 }),
  container('d4', 'web-debug', { podNamespace: 'other' }),
];

const found = (wanted: string): string => findContainer(containers, wanted).id.slice(0, 2);

test('a container is found by id, by each form of its name, and by the beginning of one', () => {
  assert.equal(found('c3'.padEnd(64, '0')), 'c3');
  assert.equal(found('c3'), 'c3');
  assert.equal(found('proxy'), 'd1');
  assert.equal(found('pro'), 'd1');
  assert.equal(found('shop/web'), 'c1');
  assert.equal(found('default/shop/web'), 'c1');
  assert.equal(found('other/'), 'd4');
});

test('what runs counts more than what has ended, and of attempts the newest', () => {
  assert.equal(found('blog/web'), 'c2');
  assert.equal(found('job'), 'd2');
});

test('who is not clear is asked, and told the candidates', () => {
  assert.throws(
    () => found('web'),
    /"web" may be any of 2 containers: c100000000000 default\/shop\/web, c200000000000 default\/blog\/web$/,
  );
  assert.throws(() => found('c'), /any of 3 containers/);
  assert.throws(() => found('nobody'), /there is no container "nobody"; "cria ps --all" lists them/);
  assert.throws(() => found(''), /there is no container ""/);
});

test('the beginning of an id means one alone, and not what only has such a name', () => {
  const some = [
    container('ab1', 'job', { attempt: 2 }),
    container('ab2', 'job', { state: 'exited', attempt: 1 }),
    container('fe1', 'cache'),
    container('c0', 'fe-web', { state: 'exited' }),
    container('bad1', 'web'),
    container('c1', 'bad', { state: 'exited' }),
  ];
  assert.throws(() => findContainer(some, 'ab'), /"ab" may be any of 2 containers: ab1/);
  assert.equal(findContainer(some, 'ab2').attempt, 1);
  assert.throws(() => findContainer(some, 'fe'), /"fe" may be any of 2 containers/);
  assert.equal(findContainer(some, 'bad').id.slice(0, 2), 'c1', 'a whole name counts more');
});

test('a pod is found by id, name and namespace', () => {
  const pod = (id: string, namespace: string, state: Pod['state']): Pod => ({
    id,
    name: 'dns',
    namespace,
    attempt: 0,
    state,
    createdAt: new Date(0),
    runtimeHandler: '',
    labels: {},
  });
  const pods = [
    pod('aa', 'kube-system', 'ready'),
    pod('ab', 'test', 'not-ready'),
    pod('ac', 'x', 'not-ready'),
  ];
  assert.equal(findPod(pods, 'dns').id, 'aa');
  assert.equal(findPod(pods, 'test/dns').id, 'ab');
  assert.equal(findPod(pods, 'ac').id, 'ac');
  assert.throws(() => findPod(pods.slice(1), 'dns'), /"dns" may be any of 2 pods/);
});
