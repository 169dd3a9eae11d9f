import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainMount } from '../../test/fixtures/spec-input.ts';
import type { Labels, RelabelRequest, SELinux } from '../selinux/selinux.ts';
import type { NamespaceMode } from './container-config.ts';
import { podFeatures } from './pod-features.ts';
import { containerLabels, relabelMounts } from './selinux-labels.ts';

const pod: Labels = { process: 'u:r:container_t:s0:c1,c2', mount: 'u:object_r:container_file_t:s0:c1,c2' };
const unused = (): never => assert.fail('not of this test');
const selinux: SELinux = {
  podLabels: unused,
  settle: unused,
  containerLabels: async (labels) => labels,
  relabel: (_: RelabelRequest) => unused(),
  share: unused,
};

interface Case {
  readonly privileged?: boolean;
  readonly pidMode?: NamespaceMode;
  readonly ipcMode?: NamespaceMode;
  readonly network?: 'host' | 'new';
  readonly hostNetworkIsUnlabelled?: boolean;
}

function labelsOf({ network = 'new', hostNetworkIsUnlabelled = true, ...security }: Case): Promise<Labels> {
  const namespaces = { network, ipc: 'new', uts: 'new', pidPath: undefined } as const;
  return containerLabels(
    { selinux, defaults: { hostNetworkIsUnlabelled } },
    { labels: pod, namespaces },
    { privileged: false, pidMode: 'container', ipcMode: 'pod', selinux: undefined, ...security },
  );
}

test('a container has its pod’s labels, but for what reaches the host', async () => {
  const filesOnly = { ...pod, process: '' };
  const none = { process: '', mount: '' };
  assert.deepEqual(await labelsOf({}), pod);
  assert.deepEqual(await labelsOf({ privileged: true }), filesOnly);
  assert.deepEqual(await labelsOf({ network: 'host' }), filesOnly);
  assert.deepEqual(await labelsOf({ network: 'host', hostNetworkIsUnlabelled: false }), pod);
  assert.deepEqual(await labelsOf({ pidMode: 'node' }), none);
  assert.deepEqual(await labelsOf({ ipcMode: 'node' }), none);
});

test('mounts that ask for it are relabelled, unless the process may use any file', async () => {
  const plain = { ...plainMount, hostPath: '/plain' };
  const mounts = [plain, { ...plain, hostPath: '/asks', selinuxRelabel: true }];
  const relabelled = async (process: string, annotations: Record<string, string> = {}) => {
    const requests: RelabelRequest[] = [];
    const recording: SELinux = { ...selinux, relabel: async (request) => void requests.push(request) };
    const allowedAnnotations = ['io.kubernetes.cri-o.TrySkipVolumeSELinuxLabel'];
    const features = podFeatures(annotations, { allowedAnnotations, workloads: [] });
    await relabelMounts({ selinux: recording }, { labels: { ...pod, process }, features }, mounts);
    return requests;
  };
  const expected = { path: '/asks', label: pod.mount, trustsTop: false };
  assert.deepEqual(await relabelled(pod.process), [expected]);
  assert.deepEqual(await relabelled(''), [expected]);
  assert.deepEqual(await relabelled('u:r:spc_t:s0:c1,c2'), []);
  const trusting = { 'io.kubernetes.cri-o.TrySkipVolumeSELinuxLabel': 'true' };
  assert.deepEqual(await relabelled(pod.process, trusting), [{ ...expected, trustsTop: true }]);
});
