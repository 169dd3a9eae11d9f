import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatImages, imageCommand } from './image-arguments.ts';
import { parseArguments } from './parse-arguments.ts';

test('imageCommand says what a command line asks for', () => {
  const cases: [string[], object][] = [
    [
      ['--root', '/r', 'image', 'load', '--name', 'a:1', 'x.tar', '--name=b:1'],
      { action: 'load', path: 'x.tar', names: ['a:1', 'b:1'] },
    ],
    [['image', 'load', 'x.tar'], { action: 'load', path: 'x.tar', names: [] }],
    [['image', 'pull', 'a:1'], { action: 'pull', reference: 'a:1' }],
    [['image', 'list'], { action: 'list', json: false }],
    [['image', 'list', '-j'], { action: 'list', json: true }],
    [['image', 'remove', 'a:1'], { action: 'remove', reference: 'a:1' }],
  ];
  for (const [argv, command] of cases) assert.deepEqual(imageCommand(parseArguments(argv)), command);
});

const image = {
  id: 'a'.repeat(64),
  repoTags: ['h/one:1', 'h/one:latest'],
  repoDigests: [`h/one@sha256:${'b'.repeat(64)}`],
  sizeBytes: 12_345_678,
  createdAt: new Date('2026-01-02T03:04:05Z'),
  uid: undefined,
  username: '',
  pinned: false,
};

test('formatImages prints one line for each name', () => {
  const bare = { ...image, id: 'c'.repeat(64), repoTags: [], repoDigests: [] };
  assert.equal(
    formatImages([image, bare], false),
    'IMAGE         ID             SIZE     CREATED\n' +
      'h/one:1       aaaaaaaaaaaaa  12.3 MB  2026-01-02\n' +
      'h/one:latest  aaaaaaaaaaaaa  12.3 MB  2026-01-02\n' +
      '<none>        ccccccccccccc  12.3 MB  2026-01-02\n',
  );
});

test('formatImages prints JSON for programs', () => {
  const [first] = JSON.parse(formatImages([image], true)) as Record<string, unknown>[];
  assert.equal(first?.['id'], image.id);
  assert.equal(first?.['createdAt'], '2026-01-02T03:04:05.000Z');
});
