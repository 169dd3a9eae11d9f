import assert from 'node:assert/strict';
import { test } from 'node:test';
import { receivedResponse } from '../../../test/fixtures/cri-messages.ts';
import type { PodSandboxStatusResponse__Output } from '../gen/runtime/v1/PodSandboxStatusResponse.ts';
import { podSandboxItem, podSandboxStatus, type SandboxView } from './pod-sandbox-status.ts';

const view: SandboxView = {
  id: 's1',
  metadata: { name: 'pod', uid: 'u', namespace: 'n', attempt: 1 },
  state: 'ready',
  createdAtNanos: 1_700_000_000_000_000_001n,
  labels: { l: '1' },
  annotations: { a: '2' },
  runtimeHandler: 'runc',
  namespaces: { network: 'pod', pid: 'container', ipc: 'pod', targetId: '' },
  ips: ['10.0.0.2', 'fd00::2'],
};

function received(part: Partial<SandboxView>) {
  const response = { status: podSandboxStatus({ ...view, ...part }) };
  return receivedResponse<PodSandboxStatusResponse__Output>('PodSandboxStatus', response).status;
}

const item = {
  id: 's1',
  metadata: { name: 'pod', uid: 'u', namespace: 'n', attempt: 1 },
  state: 'SANDBOX_READY',
  createdAt: '1700000000000000001',
  labels: { l: '1' },
  annotations: { a: '2' },
  runtimeHandler: 'runc',
};

test('podSandboxStatus, as a client receives it', () => {
  assert.deepEqual(received({}), {
    ...item,
    network: { ip: '10.0.0.2', additionalIps: [{ ip: 'fd00::2' }] },
    linux: {
      namespaces: {
        options: {
          network: 'POD',
          pid: 'CONTAINER',
          ipc: 'POD',
          targetId: '',
          usernsOptions: { mode: 'NODE', uids: [], gids: [] },
        },
      },
    },
  });
});

test('podSandboxStatus on the host’s network has no network', () => {
  const status = received({
    namespaces: { ...view.namespaces, network: 'node' },
    ips: [],
    state: 'not-ready',
  });
  assert.equal(status?.network, null);
  assert.equal(status?.linux?.namespaces?.options?.network, 'NODE');
  assert.equal(status?.state, 'SANDBOX_NOTREADY');
});

test('podSandboxItem has what the list needs and no more', () => {
  assert.deepEqual(podSandboxItem(view), item);
});
