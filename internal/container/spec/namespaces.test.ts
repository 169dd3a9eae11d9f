import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NamespacesInput, namespaces } from './namespaces.ts';

const security: NamespacesInput['security'] = {
  pidMode: 'container',
  networkMode: 'pod',
  ipcMode: 'pod',
  targetId: '',
  privileged: false,
};
const sandbox: NamespacesInput['sandbox'] = {
  network: { path: '/net' },
  ipc: { path: '/ipc' },
  uts: { path: '/uts' },
  pidPath: '/pid',
};
const plain: NamespacesInput = { security, sandbox, targetPidPath: '/target', cgroupV2: false };
const network = { type: 'network', path: '/net' };
const ipc = { type: 'ipc', path: '/ipc' };
const uts = { type: 'uts', path: '/uts' };

const cases: readonly (readonly [
  name: string,
  part: Partial<NamespacesInput['security']>,
  rest: Partial<NamespacesInput>,
  expected: readonly object[],
])[] = [
  ['as the kubelet asks', {}, {}, [{ type: 'pid' }, network, ipc, uts]],
  ['the pod’s pid namespace', { pidMode: 'pod' }, {}, [{ type: 'pid', path: '/pid' }, network, ipc, uts]],
  ['the host’s pid namespace', { pidMode: 'node' }, {}, [network, ipc, uts]],
  ['a target’s', { pidMode: 'target' }, {}, [{ type: 'pid', path: '/target' }, network, ipc, uts]],
  [
    'an ipc namespace of its own',
    { ipcMode: 'container' },
    {},
    [{ type: 'pid' }, network, { type: 'ipc' }, uts],
  ],
  [
    'the host’s of all',
    { networkMode: 'node', ipcMode: 'node' },
    { sandbox: { ...sandbox, uts: 'host' } },
    [{ type: 'pid' }],
  ],
  ['cgroup v2', {}, { cgroupV2: true }, [{ type: 'pid' }, network, ipc, uts, { type: 'cgroup' }]],
  ['cgroup v2, privileged', { privileged: true }, { cgroupV2: true }, [{ type: 'pid' }, network, ipc, uts]],
];

for (const [name, part, rest, expected] of cases) {
  test(`namespaces: ${name}`, () => {
    assert.deepEqual(namespaces({ ...plain, ...rest, security: { ...security, ...part } }), [
      { type: 'mount' },
      ...expected,
    ]);
  });
}

test('namespaces refuses a shared one that there is not', () => {
  const of = (pidMode: 'pod' | 'target') => () =>
    namespaces({
      ...plain,
      security: { ...security, pidMode, targetId: 'gone' },
      sandbox: { ...sandbox, pidPath: undefined },
      targetPidPath: undefined,
    });
  assert.throws(of('pod'), { kind: 'failed-precondition', message: /of its pod, which has none: ask for/ });
  assert.throws(of('target'), { kind: 'failed-precondition', message: /"gone" is not running/ });
});

test('namespaces of a container in its pod’s own kernel: its pid namespace has a name, a shared one is that kernel’s', () => {
  const guest = { ...plain, guestPidName: '/pid/one' };
  const pidOf = (input: NamespacesInput) => namespaces(input).filter(({ type }) => type === 'pid');
  assert.deepEqual(pidOf(guest), [{ type: 'pid', path: '/pid/one' }]);
  assert.deepEqual(pidOf({ ...guest, security: { ...security, pidMode: 'pod' } }), []);
});
