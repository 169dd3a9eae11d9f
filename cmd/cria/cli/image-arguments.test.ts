import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageCommand } from './image-arguments.ts';
import { parseArguments } from './parse-arguments.ts';

test('imageCommand says what a command line asks for', () => {
  const quietPull = { action: 'pull', reference: 'a:1', namespace: '', quiet: true, json: false };
  const cases: [string[], object][] = [
    [
      ['--root', '/r', 'image', 'load', '--name', 'a:1', 'x.tar', '--name=b:1'],
      { action: 'load', path: 'x.tar', names: ['a:1', 'b:1'], json: false },
    ],
    [['image', 'load', 'x.tar'], { action: 'load', path: 'x.tar', names: [], json: false }],
    [['image', 'pull', '-q', 'a:1'], quietPull],
    [
      ['image', 'pull', '--namespace', 'kube-system', 'a:1', '--json'],
      { ...quietPull, namespace: 'kube-system', quiet: false, json: true },
    ],
    [
      ['image', 'save', '-o', 'x.tar', 'a:1', 'b:2'],
      { action: 'save', references: ['a:1', 'b:2'], format: 'oci', output: 'x.tar' },
    ],
    [
      ['image', 'save', '-o', '-', '--format', 'docker', 'a:1'],
      { action: 'save', references: ['a:1'], format: 'docker', output: undefined },
    ],
    [['image', 'list'], { action: 'list', json: false, quiet: false }],
    [['image', 'list', '-j'], { action: 'list', json: true, quiet: false }],
    [['image', 'inspect', 'a', 'b'], { action: 'inspect', references: ['a', 'b'], json: false }],
    [['image', 'remove', 'a:1'], { action: 'remove', references: ['a:1'], json: false }],
    [['image', 'prune', '-a', '--dry-run'], { action: 'prune', all: true, dryRun: true, json: false }],
  ];
  for (const [argv, command] of cases) assert.deepEqual(imageCommand(parseArguments(argv)), command);
});

test('an unknown format is a usage error', () => {
  const line = parseArguments(['image', 'save', '--format', 'rar', 'a:1']);
  assert.throws(() => imageCommand(line), {
    name: 'UsageError',
    message: /"rar", expected "oci" or "docker"/,
  });
});
