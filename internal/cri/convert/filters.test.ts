import assert from 'node:assert/strict';
import { test } from 'node:test';
import { receivedRequest } from '../../../test/fixtures/cri-messages.ts';
import type { ContainerFilter } from '../gen/runtime/v1/ContainerFilter.ts';
import type { ListContainersRequest__Output } from '../gen/runtime/v1/ListContainersRequest.ts';
import type { ListPodSandboxRequest__Output } from '../gen/runtime/v1/ListPodSandboxRequest.ts';
import type { PodSandboxFilter } from '../gen/runtime/v1/PodSandboxFilter.ts';
import { containerFilter, matchesContainer, matchesSandbox, sandboxFilter } from './filters.ts';

const labels = { app: 'web', tier: 'front' };
const container = { id: 'c1', sandboxId: 's1', state: 'running', labels } as const;
const sandbox = { id: 's1', state: 'ready', labels } as const;

const containers: readonly (readonly [filter: ContainerFilter | undefined, expected: boolean])[] = [
  [undefined, true],
  [{}, true],
  [{ id: 'c1' }, true],
  [{ id: 'c' }, false],
  [{ podSandboxId: 's1' }, true],
  [{ podSandboxId: 's2' }, false],
  [{ state: { state: 'CONTAINER_RUNNING' } }, true],
  [{ state: { state: 'CONTAINER_CREATED' } }, false],
  [{ labelSelector: { app: 'web', tier: 'front' } }, true],
  [{ labelSelector: { app: 'web', tier: 'back' } }, false],
  [{ labelSelector: { constructor: '' } }, false],
];

for (const [filter, expected] of containers) {
  test(`containers: ${JSON.stringify(filter)} is ${expected}`, () => {
    const request = receivedRequest<ListContainersRequest__Output>('ListContainers', { filter });
    assert.equal(matchesContainer(containerFilter(request.filter), container), expected);
  });
}

const sandboxes: readonly (readonly [filter: PodSandboxFilter | undefined, expected: boolean])[] = [
  [undefined, true],
  [{ id: 's1', state: { state: 'SANDBOX_READY' }, labelSelector: { app: 'web' } }, true],
  [{ id: 's1', state: { state: 'SANDBOX_NOTREADY' } }, false],
  [{ id: 's2' }, false],
  [{ labelSelector: { app: 'other' } }, false],
];

for (const [filter, expected] of sandboxes) {
  test(`sandboxes: ${JSON.stringify(filter)} is ${expected}`, () => {
    const request = receivedRequest<ListPodSandboxRequest__Output>('ListPodSandbox', { filter });
    assert.equal(matchesSandbox(sandboxFilter(request.filter), sandbox), expected);
  });
}
