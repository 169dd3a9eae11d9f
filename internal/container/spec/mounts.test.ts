import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  inputWith,
  plainMount as mount,
  plainInput,
  plainSandbox,
} from '../../../test/fixtures/spec-input.ts';
import type { ContainerConfig, ContainerMount } from '../container-config.ts';
import { buildSpec } from './build-spec.ts';
import { mounts } from './mounts.ts';

const idMap = { inside: 0, outside: 65_536, length: 65_536 };

function paths(config: Partial<ContainerConfig>): readonly string[] {
  return mounts(inputWith(config)).mounts.map(({ destination }) => destination);
}

const shallow = ['/proc', '/dev', '/sys'];
const deeper = ['/dev/pts', '/dev/mqueue', '/dev/shm', '/etc/resolv.conf', '/etc/hostname'];

test('mounts go from shallow to deep, ours before the others of a depth', () => {
  const at = (containerPath: string) => ({ ...mount, containerPath });
  assert.deepEqual(paths({ mounts: [at('/a/b/c'), at('/etc'), at('/a/b/')] }), [
    ...shallow,
    '/etc',
    ...deeper,
    '/a/b',
    '/sys/fs/cgroup',
    '/a/b/c',
  ]);
});

test('mounts of the request take the place of ours', () => {
  const at = (containerPath: string) => ({ ...mount, containerPath });
  assert.deepEqual(paths({ mounts: [at('/etc/resolv.conf'), at('/dev/shm')] }), [
    ...shallow,
    '/dev/pts',
    '/dev/mqueue',
    '/etc/hostname',
    '/etc/resolv.conf',
    '/dev/shm',
    '/sys/fs/cgroup',
  ]);
  assert.deepEqual(paths({ mounts: [at('/dev')] }), [
    '/proc',
    '/sys',
    '/dev',
    '/etc/resolv.conf',
    '/etc/hostname',
    '/sys/fs/cgroup',
  ]);
});

test("mounts: the image's volumes come before all others, and not where the request mounts something", () => {
  const volumes = ['/var/lib/deep', '/etc', '/taken', '/taken/x', '/takenx'].map((containerPath) => ({
    containerPath,
    hostPath: '/v',
  }));
  const input = inputWith({ mounts: [{ ...mount, containerPath: '/taken/' }] }, {}, { volumes });
  const paths = ['/etc', '/takenx', '/var/lib/deep'];
  const destinations = mounts(input).volumes.map(({ destination }) => destination);
  assert.deepEqual(destinations, paths);
  const cdi = { ...input.cdi, mounts: [{ hostPath: '/lib/x', containerPath: '/x', type: '', options: [] }] };
  const spec = buildSpec({ ...input, cdi });
  assert.deepEqual(
    spec.mounts.slice(0, 4).map(({ destination }) => destination),
    [...paths, '/proc'],
  );
});

const options: readonly (readonly [
  name: string,
  part: Partial<ContainerMount>,
  options: readonly string[],
  rootfs: string | undefined,
])[] = [
  ['read-write', {}, ['rbind', 'rprivate', 'rw'], undefined],
  ['read-only', { readonly: true }, ['rbind', 'rprivate', 'ro'], undefined],
  [
    'recursive read-only',
    { readonly: true, recursiveReadOnly: true },
    ['rbind', 'rprivate', 'rro'],
    undefined,
  ],
  ['host to container', { propagation: 'host-to-container' }, ['rbind', 'rslave', 'rw'], 'rslave'],
  ['bidirectional', { propagation: 'bidirectional' }, ['rbind', 'rshared', 'rw'], 'rshared'],
];

for (const [name, part, expected, rootfs] of options) {
  test(`mounts: options of a ${name} mount`, () => {
    const result = mounts(inputWith({ mounts: [{ ...mount, ...part }] }));
    assert.deepEqual(
      result.mounts.find(({ destination }) => destination === '/data'),
      {
        destination: '/data',
        type: 'bind',
        source: '/srv/data',
        options: expected,
      },
    );
    assert.equal(result.rootfsPropagation, rootfs);
  });
}

for (const [name, part, kind] of [
  ['recursive read-only without read-only', { recursiveReadOnly: true }, 'invalid-argument'],
  [
    'recursive read-only with propagation',
    { readonly: true, recursiveReadOnly: true, propagation: 'host-to-container' },
    'invalid-argument',
  ],
  ['a relative container path', { containerPath: 'data' }, 'invalid-argument'],
  ['a mount over the root', { containerPath: '/x/..' }, 'invalid-argument'],
  ['a relative host path', { hostPath: 'srv' }, 'invalid-argument'],
  ['a writable volume made of an image', { image: 'busybox', hostPath: '' }, 'invalid-argument'],
  ['id mappings', { idMaps: { uids: idMap, gids: idMap } }, 'invalid-argument'],
] as const) {
  test(`mounts refuses ${name}`, () => {
    assert.throws(() => mounts(inputWith({ mounts: [{ ...mount, ...part }] })), { kind });
  });
}

test('mounts says RROUnsupported first when the runtime handler cannot do it', () => {
  const host = { ...plainInput.host, recursiveReadOnlyMounts: false };
  const request = inputWith(
    { mounts: [{ ...mount, readonly: true, recursiveReadOnly: true }] },
    {},
    { host },
  );
  assert.throws(() => mounts(request), { kind: 'unimplemented', message: /^RROUnsupported: / });
});

test('mounts: /dev/shm by ipc mode', () => {
  const shm = (ipcMode: 'pod' | 'container' | 'node', sandbox = plainSandbox) =>
    mounts(inputWith({}, { ipcMode }, { sandbox })).mounts.find(
      ({ destination }) => destination === '/dev/shm',
    );
  assert.equal(shm('pod')?.source, '/run/sandbox/shm');
  assert.equal(shm('node')?.source, '/dev/shm');
  const without = { ...plainSandbox, shmPath: undefined };
  const onHost = { ...without, namespaces: { ...plainSandbox.namespaces, ipc: 'host' as const } };
  assert.equal(shm('pod', onHost)?.source, '/dev/shm');
  assert.throws(() => shm('pod', without), { kind: 'failed-precondition' });
  assert.deepEqual(shm('container'), {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=67108864'],
  });
});

test("mounts: the pod's files are read-only with a read-only root", () => {
  const of = (readonlyRootfs: boolean) =>
    mounts(inputWith({}, { readonlyRootfs })).mounts.find(
      ({ destination }) => destination === '/etc/resolv.conf',
    );
  assert.ok(of(false)?.options.includes('rw'));
  assert.ok(of(true)?.options.includes('ro'));
});

test('mounts: with the read-only root of the node, /run, /tmp and /var/tmp are in memory, but for what the pod brings', () => {
  const defaults = { ...plainInput.defaults, readOnlyRootfs: true };
  const at = (containerPath: string) => ({ ...mount, containerPath });
  const { mounts: all } = mounts(inputWith({ mounts: [at('/tmp/')] }, {}, { defaults }));
  const scratch = all.filter(({ options }) => options.includes('tmpcopyup'));
  assert.deepEqual(
    scratch.map(({ destination, type, options }) => [destination, type, options.at(-1)]),
    [
      ['/run', 'tmpfs', 'mode=0755'],
      ['/var/tmp', 'tmpfs', 'mode=1777'],
    ],
  );
  assert.deepEqual(
    all.filter(({ destination }) => destination === '/tmp').map(({ type }) => type),
    ['bind'],
  );
  const resolvConf = all.find(({ destination }) => destination === '/etc/resolv.conf');
  assert.ok(resolvConf?.options.includes('ro'));
  assert.equal(
    mounts(inputWith({}, { readonlyRootfs: true })).mounts.some(({ destination }) => destination === '/run'),
    false,
  );
});

test('a source that was made ready is bound as it is: the root of a user namespace may not change its flags', () => {
  const ready = { ...mount, readonly: true, isAsSource: true };
  const { mounts: all } = mounts(inputWith({ mounts: [ready] }));
  assert.deepEqual(all.find(({ destination }) => destination === '/data')?.options, ['rbind', 'rprivate']);
});
