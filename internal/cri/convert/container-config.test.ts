import assert from 'node:assert/strict';
import { test } from 'node:test';
import { receivedRequest } from '../../../test/fixtures/cri-messages.ts';
import { plainConfig, plainSecurity } from '../../../test/fixtures/spec-input.ts';
import type { ContainerConfig } from '../gen/runtime/v1/ContainerConfig.ts';
import type { CreateContainerRequest__Output } from '../gen/runtime/v1/CreateContainerRequest.ts';
import { containerConfig } from './container-config.ts';
import { noResources } from './resources.ts';

const least: ContainerConfig = { metadata: { name: 'web', attempt: 1 }, image: { image: 'busybox' } };

const idMapping = { containerId: 0, hostId: 65_536, length: 65_536 };
const idMap = { inside: 0, outside: 65_536, length: 65_536 };

function convert(config: ContainerConfig) {
  return containerConfig(
    receivedRequest<CreateContainerRequest__Output>('CreateContainer', { config }).config,
  );
}

const plain = {
  ...plainConfig,
  metadata: { name: 'web', attempt: 1 },
  image: 'busybox',
  userSpecifiedImage: '',
  labels: {},
  logPath: '',
  security: { ...plainSecurity, pidMode: 'pod' },
};

test('containerConfig: metadata and image alone are enough, all namespaces are the pod’s', () => {
  assert.deepEqual(convert(least), plain);
});

test('containerConfig: all fields', () => {
  assert.deepEqual(
    convert({
      ...least,
      image: { image: 'id', userSpecifiedImage: 'busybox:1' },
      command: ['sh'],
      args: ['-c', ''],
      workingDir: '/w',
      envs: [{ key: 'A', value: Buffer.from('é\n') }],
      mounts: [
        {
          containerPath: '/d',
          hostPath: '/h',
          readonly: true,
          recursiveReadOnly: true,
          selinuxRelabel: true,
          propagation: 'PROPAGATION_BIDIRECTIONAL',
          uidMappings: [idMapping],
          gidMappings: [idMapping],
        },
        { containerPath: '/i', image: { image: 'vol' }, imageSubPath: 'etc' },
      ],
      devices: [{ containerPath: '/dev/a', hostPath: '/dev/b', permissions: 'r' }],
      CDIDevices: [{ name: 'vendor.test/gpu=0' }],
      labels: { l: '1' },
      annotations: { a: '2' },
      logPath: 'web/1.log',
      stdin: true,
      stdinOnce: true,
      tty: true,
      stopSignal: 'SIGRTMINPLUS3',
      linux: {
        resources: {
          cpuQuota: -1,
          oomScoreAdj: -997,
          hugepageLimits: [{ pageSize: '2MB', limit: '18446744073709551615' }],
          unified: { 'memory.oom.group': '1' },
        },
        securityContext: {
          capabilities: {
            addCapabilities: ['ALL'],
            dropCapabilities: ['KILL'],
            addAmbientCapabilities: ['CHOWN'],
          },
          privileged: true,
          namespaceOptions: { network: 'NODE', pid: 'TARGET', ipc: 'CONTAINER', targetId: 't' },
          selinuxOptions: { user: 'u', role: 'r', type: 't', level: 'l' },
          runAsUser: { value: 1 },
          runAsGroup: { value: 2 },
          runAsUsername: 'n',
          readonlyRootfs: true,
          supplementalGroups: [3, 4],
          supplementalGroupsPolicy: 'Strict',
          noNewPrivs: true,
          maskedPaths: ['/m'],
          readonlyPaths: ['/r'],
          seccomp: { profileType: 'RuntimeDefault' },
          apparmor: { profileType: 'Localhost', localhostRef: 'localhost/mine' },
          apparmorProfile: 'localhost/other',
        },
      },
    }),
    {
      ...plain,
      image: 'id',
      userSpecifiedImage: 'busybox:1',
      command: ['sh'],
      args: ['-c', ''],
      workingDir: '/w',
      envs: [{ key: 'A', value: 'é\n' }],
      mounts: [
        {
          containerPath: '/d',
          hostPath: '/h',
          readonly: true,
          recursiveReadOnly: true,
          selinuxRelabel: true,
          propagation: 'bidirectional',
          image: '',
          imageSubPath: '',
          idMaps: { uids: idMap, gids: idMap },
        },
        {
          containerPath: '/i',
          hostPath: '',
          readonly: false,
          recursiveReadOnly: false,
          selinuxRelabel: false,
          propagation: 'private',
          image: 'vol',
          imageSubPath: 'etc',
        },
      ],
      devices: [{ containerPath: '/dev/a', hostPath: '/dev/b', permissions: 'r' }],
      cdiDevices: ['vendor.test/gpu=0'],
      labels: { l: '1' },
      annotations: { a: '2' },
      logPath: 'web/1.log',
      stdin: true,
      stdinOnce: true,
      tty: true,
      stopSignal: 'SIGRTMIN+3',
      resources: {
        ...noResources,
        cpuQuota: -1n,
        oomScoreAdj: -997,
        hugepageLimits: [{ pageSize: '2MB', limitBytes: 18446744073709551615n }],
        unified: { 'memory.oom.group': '1' },
      },
      security: {
        addCapabilities: ['ALL'],
        dropCapabilities: ['KILL'],
        addAmbientCapabilities: ['CHOWN'],
        privileged: true,
        networkMode: 'node',
        pidMode: 'target',
        ipcMode: 'container',
        targetId: 't',
        selinux: { user: 'u', role: 'r', type: 't', level: 'l' },
        runAsUser: 1,
        runAsGroup: 2,
        runAsUsername: 'n',
        readonlyRootfs: true,
        supplementalGroups: [3, 4],
        supplementalGroupsPolicy: 'strict',
        noNewPrivs: true,
        maskedPaths: ['/m'],
        readonlyPaths: ['/r'],
        seccomp: { type: 'runtime-default' },
        apparmor: { type: 'localhost', localhostRef: 'mine' },
      },
    },
  );
});

const withContext = (securityContext: object) => ({ ...least, linux: { securityContext } });

for (const [text, expected] of [
  ['runtime/default', { type: 'runtime-default' }],
  ['unconfined', { type: 'unconfined' }],
  ['localhost/p', { type: 'localhost', localhostRef: 'p' }],
] as const) {
  test(`containerConfig: the deprecated profile ${text}`, () => {
    const { security } = convert(withContext({ apparmorProfile: text, seccompProfilePath: text }));
    assert.deepEqual([security.apparmor, security.seccomp], [expected, expected]);
  });
}

for (const [name, config, message] of [
  ['no metadata', { image: { image: 'x' } }, /config\.metadata is missing/],
  ['no name', { ...least, metadata: {} }, /config\.metadata\.name is empty/],
  ['no image', { metadata: { name: 'a' } }, /config\.image is missing/],
  ['an empty image', { ...least, image: {} }, /config\.image\.image is empty/],
  ['an absolute log path', { ...least, logPath: '/etc/passwd' }, /config\.log_path/],
  ['a climbing log path', { ...least, logPath: 'a/../../b' }, /config\.log_path/],
  ['a log path with NUL', { ...least, logPath: 'a\0' }, /config\.log_path/],
  [
    'an environment value that is not UTF-8',
    { ...least, envs: [{ key: 'A', value: Buffer.from([0xff]) }] },
    /"A"/,
  ],
  ['a mount without a host path', { ...least, mounts: [{ containerPath: '/a' }] }, /mounts\.host_path/],
  ['a mount without a container path', { ...least, mounts: [{ hostPath: '/a' }] }, /mounts\.container_path/],
  ['an unknown stop signal', { ...least, stopSignal: 99 }, /stop_signal 99/],
  ['a target without its id', withContext({ namespaceOptions: { pid: 'TARGET' } }), /target_id is empty/],
  ['a negative user', withContext({ runAsUser: { value: -1 } }), /run_as_user -1/],
  [
    'a group out of range',
    withContext({ supplementalGroups: ['4294967295'] }),
    /supplemental_groups 4294967295/,
  ],
  [
    'a profile without a name',
    withContext({ seccomp: { profileType: 'Localhost' } }),
    /localhost_ref is empty/,
  ],
  ['an unknown deprecated profile', withContext({ apparmorProfile: 'x' }), /"x" is not a known profile/],
  ['a score out of range', { ...least, linux: { resources: { oomScoreAdj: 1001 } } }, /oom_score_adj 1001/],
  [
    'a negative limit',
    { ...least, linux: { resources: { memoryLimitInBytes: -2 } } },
    /memory_limit_in_bytes -2/,
  ],
] as const) {
  test(`containerConfig refuses ${name}`, () => {
    assert.throws(() => convert(config as ContainerConfig), { kind: 'invalid-argument', message });
  });
}
