import assert from 'node:assert/strict';
import { test } from 'node:test';
import { processArguments } from './arguments.ts';

const cases: readonly (readonly [
  name: string,
  entrypoint: readonly string[],
  cmd: readonly string[],
  command: readonly string[],
  args: readonly string[],
  expected: readonly string[],
])[] = [
  ['image alone', ['/e'], ['c'], [], [], ['/e', 'c']],
  ['args replace the cmd', ['/e'], ['c'], [], ['a'], ['/e', 'a']],
  ['command drops entrypoint and cmd', ['/e'], ['c'], ['/x'], [], ['/x']],
  ['command and args', ['/e'], ['c'], ['/x'], ['a'], ['/x', 'a']],
  ['cmd alone', [], ['/c', 'd'], [], [], ['/c', 'd']],
  ['args without an entrypoint', [], ['c'], [], ['/a'], ['/a']],
];

for (const [name, entrypoint, cmd, command, args, expected] of cases) {
  test(`processArguments: ${name}`, () => {
    assert.deepEqual(processArguments({ command, args }, { entrypoint, cmd }, 'image'), expected);
  });
}

test('processArguments names the image when nothing is to be run', () => {
  assert.throws(() => processArguments({ command: [], args: [] }, { entrypoint: [], cmd: [] }, 'busybox:1'), {
    kind: 'invalid-argument',
    message: /no command specified: image "busybox:1"/,
  });
});
