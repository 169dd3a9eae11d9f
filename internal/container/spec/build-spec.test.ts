import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  containerId,
  inputWith,
  plainDefaults,
  plainInput,
  plainSandbox,
} from '../../../test/fixtures/spec-input.ts';
import { buildSpec } from './build-spec.ts';
import { infraSpec } from './infra-spec.ts';

const own = 'io.kubernetes.cri-o.';

test('buildSpec writes the whole spec of a plain container', () => {
  const spec = buildSpec(plainInput);
  const caps = ['CAP_CHOWN', 'CAP_KILL'];
  assert.deepEqual(spec.process, {
    terminal: false,
    user: { uid: 0, gid: 0, additionalGids: [0] },
    args: ['/bin/web', 'serve'],
    env: ['PATH=/bin', 'HOSTNAME=pod-host', 'HOME=/root'],
    cwd: '/srv',
    capabilities: { bounding: caps, effective: caps, permitted: caps, inheritable: [], ambient: [] },
    noNewPrivileges: false,
    oomScoreAdj: 0,
  });
  assert.deepEqual(spec.root, { path: '/var/lib/rootfs', readonly: false });
  assert.equal(spec.hostname, undefined, 'a pinned uts namespace has its host name already');
  assert.deepEqual(spec.linux, {
    namespaces: [
      { type: 'mount' },
      { type: 'pid' },
      { type: 'network', path: '/run/netns/pod' },
      { type: 'ipc', path: '/run/ipcns/pod' },
      { type: 'uts', path: '/run/utsns/pod' },
    ],
    cgroupsPath: `/kubepods/poduid/crio-${containerId}`,
    resources: { devices: [{ allow: false, access: 'rwm' }] },
    maskedPaths: [],
    readonlyPaths: [],
  });
  assert.equal(spec.annotations[`${own}ContainerType`], 'container');
  assert.equal(spec.annotations['io.container.manager'], 'cria');
  assert.equal(JSON.stringify(buildSpec(plainInput)), JSON.stringify(spec), 'the same input, the same spec');
});

test('buildSpec gives a privileged container everything the daemon has', () => {
  const spec = buildSpec(
    inputWith(
      {},
      {
        privileged: true,
        maskedPaths: ['/proc/kcore'],
        readonlyPaths: ['/proc/sys'],
        seccomp: { type: 'localhost', localhostRef: '/profiles/none.json' },
      },
      {
        hostDevices: [
          { path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 },
          { path: '/dev/pts/0', type: 'c', major: 136, minor: 0, fileMode: 0o620, uid: 0, gid: 5 },
        ],
      },
    ),
  );
  assert.deepEqual(spec.process.capabilities.bounding, plainInput.host.boundingCapabilities);
  assert.deepEqual(spec.linux.resources.devices, [{ allow: true, access: 'rwm' }]);
  assert.deepEqual(
    spec.linux.devices?.map(({ path }) => path),
    ['/dev/fuse'],
  );
  assert.deepEqual(spec.linux.maskedPaths, []);
  assert.deepEqual(spec.linux.readonlyPaths, []);
  assert.equal(spec.linux.seccomp, undefined);
  assert.ok(spec.mounts.find(({ destination }) => destination === '/sys')?.options.includes('rw'));
});

test('buildSpec names the host only in a uts namespace of the container', () => {
  const sandbox = { ...plainSandbox, namespaces: { ...plainSandbox.namespaces, uts: 'new' as const } };
  assert.equal(buildSpec({ ...plainInput, sandbox }).hostname, 'pod-host');
});

test('a pod picks a hook by an annotation that its handler allows, and by no other of the gated ones', () => {
  const name = 'io.containers.trace-syscall';
  const unset = { always: undefined, hasBindMounts: undefined, commands: [] };
  const hook = { path: '/bin/trace', args: [], env: [], timeoutSeconds: undefined };
  const when = { ...unset, annotations: [{ name: new RegExp(`^${name}$`), value: /./ }] };
  const hooks = [{ file: 'trace.json', hook, stages: ['prestart'] as const, when }];
  const hooksUnder = (allowedAnnotations: readonly string[], annotations: Record<string, string>) => {
    const defaults = { ...plainDefaults, allowedAnnotations };
    const sandbox = { ...plainSandbox, annotations };
    return buildSpec(inputWith({}, {}, { hooks, defaults, sandbox })).hooks;
  };
  assert.equal(hooksUnder([], { [name]: 'of:/tmp/x' }), undefined);
  assert.deepEqual(hooksUnder([name], { [name]: 'of:/tmp/x' }), { prestart: [{ path: '/bin/trace' }] });
  assert.equal(hooksUnder([name], {}), undefined);
});

test('infraSpec tells a kernel of the pod’s own what the pod wants of it, as the handler allows', () => {
  const wanted = { 'dev.gvisor.flag.debug': 'true', 'run.oci.handler': 'x', team: 'a' };
  const annotationsOf = (ownKernel: boolean) =>
    infraSpec({
      sandbox: { ...plainSandbox, ownKernel, annotations: wanted },
      host: plainInput.host,
      defaults: {
        ...plainInput.defaults,
        allowedAnnotations: ['dev.gvisor.flag.'],
        annotations: { 'dev.gvisor.spec.rootfs.overlay': 'memory', team: 'b' },
      },
      rootfsPath: '/run/sandbox/pause',
      pausePath: '/pause',
      cgroupsPath: '/kubepods/poduid/crio-infra',
      resources: { oomScoreAdj: -998, cpusetCpus: '' },
      podAmounts: { overhead: undefined, resources: undefined },
    }).annotations;
  const kernel = annotationsOf(true);
  assert.equal(kernel[`${own}ContainerType`], 'sandbox');
  assert.equal(kernel['dev.gvisor.spec.rootfs.overlay'], 'memory');
  assert.equal(kernel['dev.gvisor.flag.debug'], 'true');
  assert.equal(kernel['team'], 'a');
  assert.ok(!('run.oci.handler' in kernel));
  const process = annotationsOf(false);
  for (const name of ['dev.gvisor.spec.rootfs.overlay', ...Object.keys(wanted)])
    assert.ok(!(name in process));
});

test('infraSpec holds a pid namespace and can do nothing else', () => {
  const spec = infraSpec({
    sandbox: plainSandbox,
    host: plainInput.host,
    defaults: plainInput.defaults,
    rootfsPath: '/run/sandbox/pause',
    pausePath: '/pause',
    cgroupsPath: '/kubepods/poduid/crio-infra',
    resources: { oomScoreAdj: -998, cpusetCpus: '' },
    podAmounts: { overhead: undefined, resources: undefined },
  });
  assert.deepEqual(spec.root, { path: '/run/sandbox/pause', readonly: true });
  assert.deepEqual(spec.process.capabilities, {
    bounding: [],
    effective: [],
    permitted: [],
    inheritable: [],
    ambient: [],
  });
  assert.equal(spec.process.oomScoreAdj, -998);
  assert.deepEqual(spec.linux.namespaces.slice(0, 2), [{ type: 'mount' }, { type: 'pid' }]);
  assert.deepEqual(spec.linux.resources.cpu, { shares: 2 });
  assert.equal(spec.linux.seccomp?.defaultAction, 'SCMP_ACT_ERRNO');
});
