import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HookDefinition } from '../../hooks/hooks.ts';
import { hooksFor } from './hooks.ts';

const subject = { annotations: { 'gpu.io/on': 'yes' }, command: '/bin/sh', hasBindMounts: false };
const nothing = { always: undefined, hasBindMounts: undefined, annotations: [], commands: [] };

function definition(when: Partial<HookDefinition['when']>): HookDefinition {
  const hook = { path: '/bin/hook', args: [], env: [], timeoutSeconds: undefined };
  return { file: '/x.json', hook, stages: ['createRuntime'], when: { ...nothing, ...when } };
}

for (const [name, when, expected] of [
  ['always', { always: true }, true],
  ['never', { always: false }, false],
  ['no condition', {}, false],
  ['a bind mount that is not there', { hasBindMounts: true }, false],
  ['a condition that says nothing', { hasBindMounts: false, always: true }, false],
  ['an annotation', { annotations: [{ name: /gpu/, value: /^yes$/ }] }, true],
  ['an annotation of another value', { annotations: [{ name: /gpu/, value: /^no$/ }] }, false],
  [
    'two annotations of which one is missing',
    {
      annotations: [
        { name: /gpu/, value: /./ },
        { name: /net/, value: /./ },
      ],
    },
    false,
  ],
  ['one of two commands', { commands: [/bash$/, /sh$/] }, true],
  [
    'a command and an annotation, of which one fits',
    { commands: [/sh$/], annotations: [{ name: /net/, value: /./ }] },
    false,
  ],
] as const) {
  test(`a hook for ${name} is ${expected ? 'taken' : 'not taken'}`, () => {
    assert.deepEqual(
      hooksFor([definition(when)], subject),
      expected ? { createRuntime: [{ path: '/bin/hook' }] } : {},
    );
  });
}

test('hooks keep the order of their files within a stage', () => {
  const one = definition({ always: true });
  const two = {
    ...one,
    hook: { ...one.hook, path: '/bin/two', timeoutSeconds: 2 },
    stages: ['createRuntime', 'poststop'] as const,
  };
  assert.deepEqual(hooksFor([one, two], subject), {
    createRuntime: [{ path: '/bin/hook' }, { path: '/bin/two', timeout: 2 }],
    poststop: [{ path: '/bin/two', timeout: 2 }],
  });
});
