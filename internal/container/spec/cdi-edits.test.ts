import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainInput } from '../../../test/fixtures/spec-input.ts';
import { buildSpec } from './build-spec.ts';
import type { CdiRequest } from './spec-input.ts';

const none: CdiRequest = {
  env: [],
  nodes: [],
  netDevices: [],
  mounts: [],
  hooks: [],
  additionalGids: [],
  intelRdt: undefined,
};
const node = { path: '/dev/gpu0', type: 'c', major: 7, minor: 8, fileMode: 0o660 } as const;

function specWith(cdi: Partial<CdiRequest>, user = 0) {
  const { config } = plainInput;
  const security = { ...config.security, runAsUser: user, runAsGroup: user };
  return buildSpec({ ...plainInput, config: { ...config, security }, cdi: { ...none, ...cdi } });
}

test('CDI: variables replace those of the same name', () => {
  const { process } = specWith({ env: ['PATH=/opt', 'GPU=0'] });
  assert.ok(process.env.includes('GPU=0'));
  assert.deepEqual(
    process.env.filter((entry) => entry.startsWith('PATH=')),
    ['PATH=/opt'],
  );
});

test('CDI: a node is made, allowed, and belongs to the container’s user unless the file says whose it is', () => {
  const nodes = [
    { node, uid: undefined, gid: undefined, permissions: '' },
    { node: { ...node, path: '/dev/gpu1' }, uid: 0, gid: 44, permissions: 'r' },
  ];
  const { linux } = specWith({ nodes }, 1000);
  assert.deepEqual(linux.devices, [
    { ...node, uid: 1000, gid: 1000 },
    { ...node, path: '/dev/gpu1', uid: 0, gid: 44 },
  ]);
  assert.deepEqual(linux.resources.devices.slice(-2), [
    { allow: true, type: 'c', major: 7, minor: 8, access: 'rwm' },
    { allow: true, type: 'c', major: 7, minor: 8, access: 'r' },
  ]);
});

test('CDI: a pipe is made without a rule for devices', () => {
  const before = specWith({}).linux.resources.devices;
  const pipe = { path: '/dev/pipe', type: 'p', major: 0, minor: 0, fileMode: 0o600 } as const;
  const { linux } = specWith({ nodes: [{ node: pipe, uid: 0, gid: 0, permissions: '' }] });
  assert.deepEqual(linux.devices, [{ ...pipe, uid: 0, gid: 0 }]);
  assert.deepEqual(linux.resources.devices, before);
});

test('CDI: mounts take the place of ours and stand in order of depth', () => {
  const added = { hostPath: '/host', containerPath: '/dev/shm', type: '', options: ['ro', 'bind'] };
  const { mounts } = specWith({ mounts: [added] });
  const at = mounts.findIndex(({ destination }) => destination === '/dev/shm');
  assert.deepEqual(mounts[at], {
    destination: '/dev/shm',
    type: 'bind',
    source: '/host',
    options: ['ro', 'bind'],
  });
  assert.equal(mounts.filter(({ destination }) => destination === '/dev/shm').length, 1);
  assert.ok(mounts.findIndex(({ destination }) => destination === '/dev') < at);
});

test('CDI: a mount of a path of the host is a bind mount, whatever else its options say', () => {
  const optionsOf = (type: string, options: readonly string[]) => {
    const added = { hostPath: '/host', containerPath: '/data', type, options };
    return specWith({ mounts: [added] }).mounts.find(({ destination }) => destination === '/data')?.options;
  };
  assert.deepEqual(optionsOf('', []), ['rbind']);
  assert.deepEqual(optionsOf('', ['ro', 'nosuid']), ['rbind', 'ro', 'nosuid']);
  assert.deepEqual(optionsOf('bind', ['ro']), ['rbind', 'ro']);
  assert.deepEqual(optionsOf('', ['ro', 'bind']), ['ro', 'bind']);
  assert.deepEqual(optionsOf('tmpfs', ['ro']), ['ro']);
});

test('CDI: hooks by their point, groups once, Intel RDT without what is empty', () => {
  const hook = {
    hookName: 'createContainer',
    path: '/bin/hook',
    args: ['hook', 'x'],
    env: [],
    timeoutSeconds: 3,
  } as const;
  const classOnly = { closID: 'gold', l3CacheSchema: '', memBwSchema: '' };
  const intelRdt = { ...classOnly, schemata: [], enableMonitoring: false };
  const spec = specWith({
    hooks: [hook, { ...hook, path: '/bin/other' }],
    additionalGids: [44, 44],
    intelRdt,
  });
  assert.deepEqual(spec.hooks, {
    createContainer: [
      { path: '/bin/hook', args: ['hook', 'x'], timeout: 3 },
      { path: '/bin/other', args: ['hook', 'x'], timeout: 3 },
    ],
  });
  assert.equal(spec.process.user.additionalGids.filter((gid) => gid === 44).length, 1);
  assert.deepEqual(spec.linux.intelRdt, { closID: 'gold' });
});

test('CDI: what Intel RDT has since 1.1, and network interfaces by their names on the host', () => {
  const schemata = ['L2:0=f', 'MB:0=70'];
  const intelRdt = { closID: '', l3CacheSchema: '', memBwSchema: '', schemata, enableMonitoring: true };
  const netDevices = [{ hostInterfaceName: 'ens5f0v1', name: 'rdma0' }];
  const { linux } = specWith({ intelRdt, netDevices });
  assert.deepEqual(linux.intelRdt, { schemata, enableMonitoring: true });
  assert.deepEqual(linux.netDevices, { ens5f0v1: { name: 'rdma0' } });
});
