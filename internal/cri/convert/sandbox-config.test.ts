import assert from 'node:assert/strict';
import { test } from 'node:test';
import { receivedRequest } from '../../../test/fixtures/cri-messages.ts';
import type { PodSandboxConfig } from '../gen/runtime/v1/PodSandboxConfig.ts';
import type { RunPodSandboxRequest__Output } from '../gen/runtime/v1/RunPodSandboxRequest.ts';
import type { UserNamespace } from '../gen/runtime/v1/UserNamespace.ts';
import { noResources } from './resources.ts';
import { sandboxConfig } from './sandbox-config.ts';

const metadata = { name: 'pod', uid: 'uid', namespace: 'default', attempt: 2 };

function convert(config: PodSandboxConfig) {
  return sandboxConfig(receivedRequest<RunPodSandboxRequest__Output>('RunPodSandbox', { config }).config);
}

const idMapping = { containerId: 0, hostId: 65_536, length: 65_536 };
const idMap = { inside: 0, outside: 65_536, length: 65_536 };

const least = {
  metadata,
  hostname: '',
  logDirectory: '',
  dns: undefined,
  portMappings: [],
  labels: {},
  annotations: {},
  cgroupParent: '',
  sysctls: {},
  namespaces: { network: 'pod', pid: 'pod', ipc: 'pod', targetId: '' },
  privileged: false,
  selinux: undefined,
  seccomp: undefined,
  runAsUser: undefined,
  runAsGroup: undefined,
  supplementalGroups: [],
  readonlyRootfs: false,
  overhead: undefined,
  resources: undefined,
};

test('sandboxConfig: metadata alone is enough', () => {
  assert.deepEqual(convert({ metadata }), least);
});

test('sandboxConfig: all fields', () => {
  assert.deepEqual(
    convert({
      metadata,
      hostname: 'host-1',
      logDirectory: '/var/log/pods/x',
      dnsConfig: { servers: ['10.0.0.1'], searches: ['a.test'], options: ['ndots:5'] },
      portMappings: [
        { protocol: 'UDP', containerPort: 53, hostPort: 5353, hostIp: '::1' },
        { protocol: 'TCP', containerPort: 80, hostPort: 0 },
      ],
      labels: { a: '1' },
      annotations: { b: 'two\nlines' },
      linux: {
        cgroupParent: '/kubepods/pod1',
        sysctls: { 'net.ipv4.ip_forward': '1' },
        overhead: { cpuShares: 2 },
        resources: { memoryLimitInBytes: '9007199254740993' },
        securityContext: {
          namespaceOptions: {
            network: 'NODE',
            pid: 'CONTAINER',
            ipc: 'NODE',
            usernsOptions: { mode: 'POD', uids: [idMapping], gids: [idMapping] },
          },
          selinuxOptions: { level: 's0' },
          runAsUser: { value: 0 },
          runAsGroup: { value: 2147483647 },
          supplementalGroups: [5],
          privileged: true,
          readonlyRootfs: true,
          seccomp: { profileType: 'Localhost', localhostRef: '/p/a.json' },
        },
      },
    }),
    {
      ...least,
      hostname: 'host-1',
      logDirectory: '/var/log/pods/x',
      dns: { servers: ['10.0.0.1'], searches: ['a.test'], options: ['ndots:5'] },
      portMappings: [{ protocol: 'udp', containerPort: 53, hostPort: 5353, hostIp: '::1' }],
      labels: { a: '1' },
      annotations: { b: 'two\nlines' },
      cgroupParent: '/kubepods/pod1',
      sysctls: { 'net.ipv4.ip_forward': '1' },
      namespaces: {
        network: 'node',
        pid: 'container',
        ipc: 'node',
        targetId: '',
        idMaps: { uids: idMap, gids: idMap },
      },
      privileged: true,
      selinux: { user: '', role: '', type: '', level: 's0' },
      seccomp: { type: 'localhost', localhostRef: '/p/a.json' },
      runAsUser: 0,
      runAsGroup: 2147483647,
      supplementalGroups: [5],
      readonlyRootfs: true,
      overhead: { ...noResources, cpuShares: 2n },
      resources: { ...noResources, memoryLimitBytes: 9007199254740993n },
    },
  );
});

const withContext = (securityContext: object) => ({ metadata, linux: { securityContext } });

const withUserNamespace = (usernsOptions: UserNamespace) =>
  withContext({ namespaceOptions: { usernsOptions } });

for (const [name, config, message] of [
  ['no metadata', {}, /config\.metadata is missing/],
  ['no name', { metadata: { ...metadata, name: '' } }, /config\.metadata\.name is empty/],
  ['no uid', { metadata: { ...metadata, uid: '' } }, /config\.metadata\.uid is empty/],
  ['no namespace', { metadata: { ...metadata, namespace: '' } }, /config\.metadata\.namespace is empty/],
  ['a host name with a line break', { metadata, hostname: 'a\nb' }, /config\.hostname/],
  ['a host name of 65 characters', { metadata, hostname: 'a'.repeat(65) }, /config\.hostname/],
  ['a relative log directory', { metadata, logDirectory: 'x' }, /config\.log_directory/],
  ['a climbing log directory', { metadata, logDirectory: '/a/../b' }, /config\.log_directory/],
  [
    'a DNS line break',
    { metadata, dnsConfig: { options: ['a\nnameserver 1.2.3.4'] } },
    /config\.dns_config\.options/,
  ],
  ['a port out of range', { metadata, portMappings: [{ containerPort: 1, hostPort: 65536 }] }, /port 65536/],
  ['a host address', { metadata, portMappings: [{ containerPort: 1, hostPort: 1, hostIp: 'x' }] }, /host_ip/],
  [
    'a host address with a zone',
    { metadata, portMappings: [{ containerPort: 1, hostPort: 1, hostIp: 'fe80::1%eth0' }] },
    /host_ip/,
  ],
  ['an unknown protocol', { metadata, portMappings: [{ protocol: 9 }] }, /protocol 9 is not supported/],
  ['a user out of range', withContext({ runAsUser: { value: '2147483648' } }), /run_as_user 2147483648/],
  ['network CONTAINER', withContext({ namespaceOptions: { network: 'CONTAINER' } }), /network CONTAINER/],
  ['ipc TARGET', withContext({ namespaceOptions: { ipc: 'TARGET' } }), /ipc TARGET/],
  [
    'a user namespace TARGET',
    withContext({ namespaceOptions: { usernsOptions: { mode: 'TARGET' } } }),
    /userns_options/,
  ],
  ['a user namespace CONTAINER', withUserNamespace({ mode: 'CONTAINER' }), /userns_options.mode CONTAINER/],
  [
    'a user namespace without a mapping',
    withUserNamespace({ mode: 'POD', gids: [idMapping] }),
    /userns_options.uids has 0 mappings/,
  ],
  [
    'a user namespace with two mappings',
    withUserNamespace({ mode: 'POD', uids: [idMapping], gids: [idMapping, idMapping] }),
    /userns_options.gids has 2 mappings/,
  ],
  [
    'a user namespace without root',
    withUserNamespace({ mode: 'POD', uids: [{ ...idMapping, containerId: 1 }], gids: [idMapping] }),
    /userns_options.uids begins at id 1/,
  ],
  [
    'a user namespace whose root is the host’s',
    withUserNamespace({ mode: 'POD', uids: [idMapping], gids: [{ ...idMapping, hostId: 0 }] }),
    /maps root to the host's root/,
  ],
  [
    'a user namespace of no ids',
    withUserNamespace({ mode: 'POD', uids: [{ ...idMapping, length: 0 }], gids: [idMapping] }),
    /maps no id/,
  ],
  [
    'a user namespace beyond the last id',
    withUserNamespace({ mode: 'POD', uids: [{ ...idMapping, hostId: 2 ** 32 - 65_536 }], gids: [idMapping] }),
    /leaves the range of ids/,
  ],
  [
    'mappings of the host’s user namespace',
    withUserNamespace({ mode: 'NODE', uids: [idMapping], gids: [idMapping] }),
    /has mappings, but its mode is NODE/,
  ],
] as const) {
  test(`sandboxConfig refuses ${name}`, () => {
    assert.throws(() => convert(config as PodSandboxConfig), { kind: 'invalid-argument', message });
  });
}

test('sandboxConfig refuses a request without a config', () => {
  assert.throws(() => sandboxConfig(null), { kind: 'invalid-argument', message: 'config is missing' });
});
