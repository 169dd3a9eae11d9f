import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inputWith, plainDefaults, plainHost, plainSandbox } from '../../../test/fixtures/spec-input.ts';
import { buildSpec } from './build-spec.ts';
import { infraSpec } from './infra-spec.ts';
import type { SandboxFacts } from './spec-input.ts';
import { ownerByMappings } from './user-namespace.ts';

const uids = { inside: 0, outside: 200_000, length: 65_536 };
const gids = { ...uids, outside: 300_000 };
const idMaps = { uids, gids };
const sandbox: SandboxFacts = { ...plainSandbox, userNamespace: { path: '/run/userns/pod', idMaps } };
const other = { uids: gids, gids };

test('a container joins the pod’s user namespace first, and its spec names the mappings', () => {
  const { linux } = buildSpec(inputWith({}, {}, { sandbox }));
  assert.deepEqual(linux.namespaces[0], { type: 'user', path: '/run/userns/pod' });
  assert.deepEqual(linux.uidMappings, [{ containerID: 0, hostID: 200_000, size: 65_536 }]);
  assert.deepEqual(linux.gidMappings, [{ containerID: 0, hostID: 300_000, size: 65_536 }]);
});

test('without one nothing of it is in the spec', () => {
  const { linux } = buildSpec(inputWith({}));
  assert.ok(linux.namespaces.every(({ type }) => type !== 'user'));
  assert.ok(!('uidMappings' in linux) && !('gidMappings' in linux));
});

test('the owner of a process on the host', () => {
  const spec = buildSpec(inputWith({}, { runAsUser: 1000, runAsGroup: 7 }, { sandbox }));
  assert.deepEqual(ownerByMappings(spec), { uid: 201_000, gid: 300_007 });
  assert.deepEqual(ownerByMappings(buildSpec(inputWith({}, { runAsUser: 1000, runAsGroup: 7 }))), {
    uid: 1000,
    gid: 7,
  });
});

test('a user and groups of the host that are mapped are those inside, where the node has chosen the mappings', () => {
  const uidPieces = { inside: 0, outside: 1000, length: 1, more: [{ ...uids, inside: 1 }] };
  const gidPieces = { inside: 0, outside: 7, length: 1, more: [{ ...gids, inside: 1 }] };
  const pieces = { path: '/run/userns/pod', idMaps: { uids: uidPieces, gids: gidPieces } };
  const specOf = (userNamespace: SandboxFacts['userNamespace']) => {
    const security = { runAsUser: 1000, runAsGroup: 7, supplementalGroups: [8] };
    return buildSpec(inputWith({}, security, { sandbox: { ...sandbox, userNamespace } }));
  };
  const inside = specOf({ ...pieces, takesHostIds: true });
  assert.deepEqual(inside.process.user, { uid: 0, gid: 0, additionalGids: [0, 8] });
  assert.deepEqual(ownerByMappings(inside), { uid: 1000, gid: 7 });
  assert.equal(inside.linux.uidMappings?.length, 2);
  assert.equal(specOf(pieces).process.user.uid, 1000);
});

for (const [name, security, facts, message] of [
  ['other mappings than the pod’s', { idMaps: other }, sandbox, /another user namespace/],
  ['a user namespace that the pod has not', { idMaps }, plainSandbox, /another user namespace/],
  ['the host’s pid namespace', { pidMode: 'node' }, sandbox, /host's pid namespace/],
  ['the host’s ipc namespace', { ipcMode: 'node' }, sandbox, /host's ipc namespace/],
  ['the host’s network', { networkMode: 'node' }, sandbox, /host's network namespace/],
  ['a user that is not mapped', { runAsUser: 65_536 }, sandbox, /user id 65536 is not among/],
  ['a group that is not mapped', { supplementalGroups: [70_000] }, sandbox, /group id 70000 is not among/],
] as const) {
  test(`a container with ${name} is refused`, () => {
    assert.throws(() => buildSpec(inputWith({}, security, { sandbox: facts })), {
      kind: 'invalid-argument',
      message,
    });
  });
}

test('the infra process is nobody that the pod has, or its root where so few ids are mapped', () => {
  const few = { ...uids, length: 1000 };
  const specOf = (userNamespace: SandboxFacts['userNamespace']) =>
    infraSpec({
      sandbox: { ...sandbox, userNamespace },
      host: plainHost,
      defaults: plainDefaults,
      rootfsPath: '/pause-rootfs',
      pausePath: '/pause',
      cgroupsPath: '/pod/infra',
      resources: { oomScoreAdj: -998, cpusetCpus: '' },
      podAmounts: { overhead: undefined, resources: undefined },
    });
  const whole = specOf(sandbox.userNamespace);
  assert.deepEqual(whole.linux.namespaces[0], { type: 'user', path: '/run/userns/pod' });
  assert.deepEqual(ownerByMappings(whole), { uid: 265_535, gid: 365_535 });
  const small = specOf({ path: '/run/userns/pod', idMaps: { uids: few, gids: few } });
  assert.deepEqual(ownerByMappings(small), { uid: 200_000, gid: 200_000 });
});
