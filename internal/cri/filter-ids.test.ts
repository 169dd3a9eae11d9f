import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../container/container.ts';
import { ContainerStore } from '../container/container-store.ts';
import { RecordStore } from '../records/record-store.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { CriParts } from './cri-parts.ts';
import { candidatesFor, wholeContainerFilter } from './filter-ids.ts';

const [first, second, other] = ['aa1', 'aa2', 'bb3'] as const;

function parts(): CriParts {
  const containers = new ContainerStore();
  const sandboxes = new RecordStore<Sandbox>('sandbox');
  for (const id of ['pod1', 'pod2']) sandboxes.add({ id, name: id } as Sandbox);
  const add = (id: string, sandboxId: string): void =>
    containers.add({ id, name: id, metadata: { id, sandboxId } } as Container);
  add(first, 'pod1');
  add(second, 'pod1');
  add(other, 'pod2');
  return { containers: { containers }, sandboxes: { sandboxes } } as unknown as CriParts;
}

test('a filter that names a container or a sandbox leads to those, by whole ids and prefixes, and else to all', () => {
  const all = parts();
  const found = (id: string, podSandboxId = ''): string[] => {
    const filter = wholeContainerFilter(all, { id, podSandboxId, state: null, labelSelector: {} });
    return candidatesFor(all, filter).map((container) => container.id);
  };
  assert.deepEqual(found(''), [first, second, other]);
  assert.deepEqual(found(second), [second]);
  assert.deepEqual(found('bb'), [other]);
  assert.deepEqual(found('cc'), []);
  assert.throws(() => found('aa'), { kind: 'invalid-argument' });
  assert.deepEqual(found('', 'pod1'), [first, second]);
  assert.deepEqual(found('', 'no-such-pod'), []);
});
