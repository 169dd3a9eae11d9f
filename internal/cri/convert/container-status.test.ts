import assert from 'node:assert/strict';
import { test } from 'node:test';
import { receivedResponse } from '../../../test/fixtures/cri-messages.ts';
import type { ContainerStatusResponse__Output } from '../gen/runtime/v1/ContainerStatusResponse.ts';
import type { ListContainersResponse__Output } from '../gen/runtime/v1/ListContainersResponse.ts';
import { type ContainerStatusView, containerItem, containerStatus } from './container-status.ts';
import { noResources } from './resources.ts';

const view: ContainerStatusView = {
  id: 'c1',
  sandboxId: 's1',
  metadata: { name: 'web', attempt: 3 },
  state: 'exited',
  createdAtNanos: 1_700_000_000_000_000_001n,
  startedAtNanos: 1_700_000_000_000_000_002n,
  finishedAtNanos: 1_700_000_000_000_000_003n,
  exitCode: 137,
  reason: 'OOMKilled',
  message: 'm',
  image: 'i1',
  userSpecifiedImage: 'busybox:1',
  imageId: 'i1',
  imageRef: 'busybox@sha256:x',
  labels: { l: 'ä\n' },
  annotations: { a: '{"x":1}' },
  volumeImageRefs: new Map(),
  mounts: [
    {
      containerPath: '/c',
      hostPath: '/h',
      readonly: true,
      recursiveReadOnly: false,
      selinuxRelabel: false,
      propagation: 'host-to-container',
      image: '',
      imageSubPath: '',
    },
  ],
  logPath: '/var/log/x.log',
  resources: { ...noResources, memoryLimitBytes: 9007199254740993n, oomScoreAdj: 5 },
  user: { uid: 1000, gid: 1000, additionalGids: [1000, 1234] },
  stopSignal: 'SIGRTMIN+3',
};

function received(part: Partial<ContainerStatusView>) {
  const response = { status: containerStatus({ ...view, ...part }) };
  return receivedResponse<ContainerStatusResponse__Output>('ContainerStatus', response).status;
}

const imageSpec = { annotations: {}, runtimeHandler: '', imageRef: '' };

test('containerStatus of an ended container, as a client receives it', () => {
  assert.deepEqual(received({}), {
    id: 'c1',
    metadata: { name: 'web', attempt: 3 },
    state: 'CONTAINER_EXITED',
    createdAt: '1700000000000000001',
    startedAt: '1700000000000000002',
    finishedAt: '1700000000000000003',
    exitCode: 137,
    image: { ...imageSpec, image: 'busybox:1', userSpecifiedImage: 'busybox:1' },
    imageRef: 'busybox@sha256:x',
    imageId: 'i1',
    reason: 'OOMKilled',
    message: 'm',
    labels: { l: 'ä\n' },
    annotations: { a: '{"x":1}' },
    mounts: [
      {
        containerPath: '/c',
        hostPath: '/h',
        readonly: true,
        selinuxRelabel: false,
        propagation: 'PROPAGATION_HOST_TO_CONTAINER',
        uidMappings: [],
        gidMappings: [],
        recursiveReadOnly: false,
        image: null,
        imageSubPath: '',
      },
    ],
    logPath: '/var/log/x.log',
    resources: {
      linux: {
        cpuPeriod: '0',
        cpuQuota: '0',
        cpuShares: '0',
        memoryLimitInBytes: '9007199254740993',
        memorySwapLimitInBytes: '0',
        oomScoreAdj: '5',
        cpusetCpus: '',
        cpusetMems: '',
        hugepageLimits: [],
        unified: {},
      },
      windows: null,
    },
    user: { linux: { uid: '1000', gid: '1000', supplementalGroups: ['1000', '1234'] } },
    stopSignal: 'SIGRTMINPLUS3',
  });
});

test('containerStatus by state: times, code and reason', () => {
  const part = (state: ContainerStatusView['state'], more: Partial<ContainerStatusView> = {}) => {
    const status = received({ state, reason: '', ...more });
    return [
      status?.state,
      status?.startedAt !== '0',
      status?.finishedAt !== '0',
      status?.exitCode,
      status?.reason,
    ];
  };
  assert.deepEqual(part('created'), ['CONTAINER_CREATED', false, false, 0, '']);
  assert.deepEqual(part('running'), ['CONTAINER_RUNNING', true, false, 0, '']);
  assert.deepEqual(part('unknown'), ['CONTAINER_UNKNOWN', true, false, 0, '']);
  assert.deepEqual(part('exited'), ['CONTAINER_EXITED', true, true, 137, 'Error']);
  assert.deepEqual(part('exited', { exitCode: 0 }), ['CONTAINER_EXITED', true, true, 0, 'Completed']);
});

test('containerStatus is never without what the kubelet insists on', () => {
  const status = received({ imageRef: '', userSpecifiedImage: '' });
  assert.equal(status?.imageRef, 'i1');
  assert.equal(status?.image?.image, 'i1');
});

test('containerItem, as a client receives it', () => {
  const response = { containers: [containerItem(view)] };
  assert.deepEqual(receivedResponse<ListContainersResponse__Output>('ListContainers', response).containers, [
    {
      id: 'c1',
      podSandboxId: 's1',
      metadata: { name: 'web', attempt: 3 },
      image: { ...imageSpec, image: 'busybox:1', userSpecifiedImage: 'busybox:1' },
      imageRef: 'busybox@sha256:x',
      imageId: 'i1',
      state: 'CONTAINER_EXITED',
      createdAt: '1700000000000000001',
      labels: { l: 'ä\n' },
      annotations: { a: '{"x":1}' },
    },
  ]);
});
