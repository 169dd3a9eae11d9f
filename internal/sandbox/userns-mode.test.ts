import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podFeatures } from '../container/pod-features.ts';
import { usernsModeOf } from './userns-mode.ts';

const [name, olderName] = ['userns-mode.crio.io', 'io.kubernetes.cri-o.userns-mode'];
const anybody = { runAsUser: undefined, runAsGroup: undefined, supplementalGroups: [] };
const somebody = { runAsUser: 1000, runAsGroup: 2000, supplementalGroups: [2000, 3000] };
const noMinimum = { uid: -1, gid: -1 };

function modeOf(value: string, users: typeof anybody | typeof somebody = anybody, minimum = noMinimum) {
  const features = podFeatures({ [name]: value }, { allowedAnnotations: [name], workloads: [] });
  return usernsModeOf(features, users, minimum);
}

const plain = (size: number) => ({ size, uids: [], gids: [] });
const one = (inside: number, outside: number) => ({ inside, outside, length: 1 });

test('auto has the usual size or the one that is said, and no id of the host', () => {
  assert.deepEqual(modeOf('auto', somebody), plain(65_536));
  assert.deepEqual(modeOf('auto:size=1'), plain(1));
  assert.deepEqual(
    modeOf('auto:keep-id=false;size=4294967295;map-to-root=false', somebody),
    plain(4_294_967_295),
  );
});

test('the user and the groups of the pod keep their ids, or are root and what follows', () => {
  assert.deepEqual(modeOf('auto:keep-id=true', somebody), {
    size: 65_536,
    uids: [one(1000, 1000)],
    gids: [one(2000, 2000), one(3000, 3000)],
  });
  assert.deepEqual(modeOf('auto:size=5;map-to-root=true', somebody), {
    size: 5,
    uids: [one(0, 1000)],
    gids: [one(0, 2000), one(1, 3000)],
  });
  assert.deepEqual(modeOf('auto:map-to-root=true'), plain(65_536));
});

test('an empty value says nothing, the older name does, and one that is not allowed does not', () => {
  assert.equal(modeOf(''), undefined);
  const of = (allowedAnnotations: string[]) =>
    usernsModeOf(
      podFeatures({ [olderName]: 'auto' }, { allowedAnnotations, workloads: [] }),
      anybody,
      noMinimum,
    );
  assert.deepEqual(of([name]), plain(65_536));
  assert.equal(of([]), undefined);
});

const refused: readonly (readonly [string, RegExp])[] = [
  ['host', /expected "auto" or "auto:size=N", with/],
  ['auto:', /expected "auto" or/],
  ['auto:size', /expected "auto" or/],
  ['auto:size=10;', /expected "auto" or/],
  ['auto:colour=red', /expected "auto" or/],
  ['auto:keep-id=maybe', /expected "auto" or/],
  ['auto:keep-id=true;map-to-root=true', /expected one of keep-id and map-to-root/],
  ['auto:size=0', /as size a whole number from 1 on/],
  ['auto:size=-1', /as size a whole number/],
  ['auto:size=64k', /as size a whole number/],
  ['auto:size=4294967296', /as size a whole number/],
  ['auto:uidmapping=0:1:2', /option "uidmapping" is not supported/],
  ['auto:gidmapping=0:1:2', /option "gidmapping" is not supported/],
  ['private:uidmapping=0:1:2', /mode "private" is not supported/],
  ['private', /mode "private" is not supported/],
];
for (const [value, message] of refused) {
  test(`${value} is refused, with the annotation and its value`, () => {
    assert.throws(() => modeOf(value), { kind: 'invalid-argument', message });
    const begins = (error: Error) => error.message.startsWith(`annotation ${name} is "${value}", `);
    assert.throws(() => modeOf(value), begins);
  });
}

test('ids of the host below the least that may be mapped are refused, and its root always', () => {
  for (const mode of ['auto:keep-id=true', 'auto:map-to-root=true']) {
    const refusal = (message: RegExp) => ({ kind: 'invalid-argument', message });
    assert.throws(
      () => modeOf(mode, somebody, { uid: 1001, gid: -1 }),
      refusal(/user ids from 1001 on, as host ids below are not mapped, but it has 1000$/),
    );
    assert.throws(() => modeOf(mode, somebody, { uid: -1, gid: 2500 }), refusal(/group ids from 2500 on/));
    assert.throws(
      () => modeOf(mode, { ...somebody, runAsUser: 0 }),
      refusal(/user ids from 1 on, as host ids below are not mapped, but it has 0$/),
    );
  }
});
