import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CapabilitiesInput, capabilitySets } from './capabilities.ts';

const bounding = ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_ADMIN', 'CAP_NET_RAW'];

function sets(part: Partial<CapabilitiesInput['security']>, rest: Partial<CapabilitiesInput> = {}) {
  return capabilitySets({
    security: {
      addCapabilities: [],
      dropCapabilities: [],
      addAmbientCapabilities: [],
      privileged: false,
      ...part,
    },
    defaults: ['CHOWN', 'CAP_KILL', 'SETFCAP'],
    bounding,
    addInheritable: false,
    uid: 0,
    ...rest,
  });
}

const cases: readonly (readonly [
  name: string,
  part: Partial<CapabilitiesInput['security']>,
  expected: readonly string[],
])[] = [
  ['the defaults within the bounding set', {}, ['CAP_CHOWN', 'CAP_KILL']],
  [
    'add and drop',
    { addCapabilities: ['net_raw'], dropCapabilities: ['KILL'] },
    ['CAP_CHOWN', 'CAP_NET_RAW'],
  ],
  [
    'a drop after its own add',
    { addCapabilities: ['NET_RAW'], dropCapabilities: ['cap_net_raw'] },
    ['CAP_CHOWN', 'CAP_KILL'],
  ],
  ['add ALL is the bounding set', { addCapabilities: ['ALL'] }, bounding],
  ['add ALL and drop one', { addCapabilities: ['all'], dropCapabilities: ['NET_RAW'] }, bounding.slice(0, 3)],
  ['drop ALL', { dropCapabilities: ['ALL'] }, []],
  ['drop ALL and add one', { addCapabilities: ['CHOWN'], dropCapabilities: ['ALL'] }, ['CAP_CHOWN']],
  ['add ALL and drop ALL', { addCapabilities: ['ALL'], dropCapabilities: ['ALL'] }, []],
  ['privileged ignores drops', { privileged: true, dropCapabilities: ['ALL'] }, bounding],
];

for (const [name, part, expected] of cases) {
  test(`capabilitySets: ${name}`, () => {
    assert.deepEqual(sets(part), {
      bounding: expected,
      effective: expected,
      permitted: expected,
      inheritable: [],
      ambient: [],
    });
  });
}

test('capabilitySets leaves a user that is not root its ambient ones alone', () => {
  const caps = ['CAP_CHOWN', 'CAP_KILL'];
  assert.deepEqual(sets({}, { uid: 1 }), {
    bounding: caps,
    effective: [],
    permitted: [],
    inheritable: [],
    ambient: [],
  });
  assert.deepEqual(sets({ addAmbientCapabilities: ['NET_RAW'] }, { uid: 1 }), {
    bounding: [...caps, 'CAP_NET_RAW'],
    effective: ['CAP_NET_RAW'],
    permitted: ['CAP_NET_RAW'],
    inheritable: ['CAP_NET_RAW'],
    ambient: ['CAP_NET_RAW'],
  });
});

test('capabilitySets refuses what there is not', () => {
  assert.throws(() => sets({ addCapabilities: ['FLY'] }), { kind: 'invalid-argument' });
  assert.throws(() => sets({ dropCapabilities: ['FLY'] }), { kind: 'invalid-argument' });
  assert.throws(() => sets({ addCapabilities: ['SYS_RESOURCE'] }), {
    kind: 'failed-precondition',
    message: /CAP_SYS_RESOURCE is not in the daemon's own bounding set/,
  });
});
