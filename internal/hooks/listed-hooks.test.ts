import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { silentLogger } from '../log/logger.ts';
import { parseHookFile } from './hook-file.ts';
import { ListedHooks } from './listed-hooks.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync('/tmp/cria-hooks-');
  for (const name of ['low', 'high']) mkdirSync(join(root, name));
});
afterEach(() => rmSync(root, { recursive: true }));

const plain = { version: '1.0.0', hook: { path: '/bin/true' }, when: { always: true }, stages: ['poststop'] };

function put(name: string, path: string, mode = 0o644): void {
  const file = join(root, name);
  writeFileSync(file, JSON.stringify({ ...plain, hook: { path } }));
  chmodSync(file, mode);
}

test('files by name, the later directory first; what others may write and what is broken is left out', async () => {
  put('low/b.json', '/low');
  put('low/a.json', '/bin/a');
  put('high/b.json', '/high');
  put('high/open.json', '/evil', 0o666);
  put('high/none.txt', '/none');
  writeFileSync(join(root, 'high/broken.json'), '{');
  const warned: unknown[] = [];
  const logger = { ...silentLogger, warn: (fields: object) => warned.push(fields) };
  const hooks = new ListedHooks([join(root, 'low'), join(root, 'absent'), join(root, 'high')], logger);
  assert.deepEqual(
    (await hooks.read()).map(({ hook }) => hook.path),
    ['/bin/a', '/high'],
  );
  assert.deepEqual(warned, [
    { path: join(root, 'high/broken.json'), error: 'it is not JSON' },
    { path: join(root, 'high/open.json'), error: 'somebody else than root may write it' },
  ]);
});

test('a file of version 1.0.0', () => {
  const text = JSON.stringify({
    version: '1.0.0',
    hook: { path: '/bin/hook', args: ['hook', '-v'], env: ['A=1'], timeout: 5 },
    when: { hasBindMounts: true, annotations: { '^gpu$': 'yes|on' }, commands: ['sh$'] },
    stages: ['createRuntime', 'poststop'],
  });
  const definition = parseHookFile('/x.json', text);
  assert.deepEqual(definition.hook, {
    path: '/bin/hook',
    args: ['hook', '-v'],
    env: ['A=1'],
    timeoutSeconds: 5,
  });
  assert.deepEqual(definition.stages, ['createRuntime', 'poststop']);
  assert.deepEqual(definition.when, {
    always: undefined,
    hasBindMounts: true,
    annotations: [{ name: /^gpu$/, value: /yes|on/ }],
    commands: [/sh$/],
  });
});

test('a file of version 0.1.0', () => {
  const text = JSON.stringify({
    hook: '/bin/old',
    arguments: ['-v'],
    stage: ['prestart'],
    cmd: ['.*'],
    annotation: ['on'],
  });
  const definition = parseHookFile('/x.json', text);
  assert.deepEqual(
    [definition.hook.path, definition.hook.args, definition.stages],
    ['/bin/old', ['-v'], ['prestart']],
  );
  assert.deepEqual(definition.when.annotations, [{ name: /.*/, value: /on/ }]);
  assert.deepEqual(definition.when.commands, [/.*/]);
});

for (const [name, content, reason] of [
  ['another version', { ...plain, version: '2.0.0' }, /version "2.0.0" is not known/],
  ['a relative path', { ...plain, hook: { path: 'x' } }, /hook\.path "x" is not an absolute path/],
  ['no stage', { ...plain, stages: [] }, /no stage is named/],
  ['an unknown stage', { ...plain, stages: ['later'] }, /stage "later" is not one of/],
  ['a broken pattern', { ...plain, when: { commands: ['('] } }, /"\(" is not a regular expression/],
  ['a condition that is none', { ...plain, when: { always: 'yes' } }, /when\.always is not true or false/],
] as const) {
  test(`a hook file is refused for ${name}`, () => {
    assert.throws(() => parseHookFile('/x.json', JSON.stringify(content)), reason);
  });
}
