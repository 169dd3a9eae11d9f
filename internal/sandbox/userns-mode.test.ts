import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podFeatures } from '../container/pod-features.ts';
import { usernsModeOf } from './userns-mode.ts';

const [name, olderName] = ['userns-mode.crio.io', 'io.kubernetes.cri-o.userns-mode'];

function modeOf(value: string, key = name, allowedAnnotations = [name]) {
  return usernsModeOf(podFeatures({ [key]: value }, { allowedAnnotations, workloads: [] }));
}

test('auto has the usual size or the one that is said', () => {
  assert.deepEqual(modeOf('auto'), { size: 65_536 });
  assert.deepEqual(modeOf('auto', olderName), { size: 65_536 });
  assert.deepEqual(modeOf('auto:size=1'), { size: 1 });
  assert.deepEqual(modeOf('auto:keep-id=false;size=4294967295;map-to-root=false'), { size: 4_294_967_295 });
});

test('an empty value says nothing, and neither does one that is not allowed', () => {
  assert.equal(modeOf(''), undefined);
  assert.equal(modeOf('auto', name, []), undefined);
});

const refused: readonly (readonly [string, RegExp])[] = [
  ['host', /expected "auto" or "auto:size=N"$/],
  ['auto:', /expected "auto" or/],
  ['auto:size', /expected "auto" or/],
  ['auto:size=10;', /expected "auto" or/],
  ['auto:colour=red', /expected "auto" or/],
  ['auto:keep-id=maybe', /expected "auto" or/],
  ['auto:size=0', /as size a whole number from 1 on/],
  ['auto:size=-1', /as size a whole number/],
  ['auto:size=64k', /as size a whole number/],
  ['auto:size=4294967296', /as size a whole number/],
  ['auto:size=1;keep-id=true', /option "keep-id" is not supported/],
  ['auto:map-to-root=true', /option "map-to-root" is not supported/],
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
