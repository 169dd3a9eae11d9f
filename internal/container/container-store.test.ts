import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from './container.ts';
import { ContainerStore } from './container-store.ts';

function container(id: string, sandboxId: string): Container {
  return { id, name: `name of ${id}`, metadata: { id, sandboxId } } as Container;
}

test('ContainerStore knows the containers of each sandbox, until they are deleted', () => {
  const store = new ContainerStore();
  const [a, b, other] = [container('a1', 'pod'), container('b2', 'pod'), container('c3', 'other')];
  for (const each of [a, other, b]) store.add(each);
  const before = store.ofSandbox('pod');
  assert.deepEqual(before, [a, b]);
  assert.deepEqual(store.ofSandbox('other'), [other]);
  store.delete(a);
  assert.deepEqual(store.ofSandbox('pod'), [b]);
  assert.deepEqual(before, [a, b], 'a list is of its moment');
  store.delete(b);
  store.delete(b);
  assert.deepEqual(store.ofSandbox('pod'), []);
  assert.deepEqual(store.list(), [other]);
});
