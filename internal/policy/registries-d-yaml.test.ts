import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseYamlMap } from './registries-d-yaml.ts';

test('what registries.d files look like is read', () => {
  const text = `---
# comment
default-docker:
  lookaside: file:///var/lib/containers/sigstore   # where
docker:
    "r.io:5000/a":
        lookaside: 'https://l.io/it''s'
        use-sigstore-attachments: true
    registry.example:
        sigstore: https://s.example/x#y
    empty:
`;
  assert.deepEqual(parseYamlMap(text), {
    'default-docker': { lookaside: 'file:///var/lib/containers/sigstore' },
    docker: {
      'r.io:5000/a': { lookaside: "https://l.io/it's", 'use-sigstore-attachments': 'true' },
      'registry.example': { sigstore: 'https://s.example/x#y' },
      empty: {},
    },
  });
  assert.deepEqual(parseYamlMap('# nothing\n'), {});
});

const refused: readonly (readonly [text: string, message: RegExp])[] = [
  ['docker: {a: b}\n', /line 1: expected/],
  ['docker:\n  - a\n', /line 2: expected/],
  ['docker:\n\ta: b\n', /line 2: tabs/],
  ['docker:\n    a: b\n  c: d\n', /line 3: its indentation/],
  ['docker: a\ndocker: b\n', /line 2: "docker" is there twice/],
  ['docker: &anchor\n', /line 1: expected/],
  ['just words\n', /line 1: expected/],
  ['docker: a\n  b: c\n', /line 2: its indentation/],
];

for (const [text, message] of refused) {
  test(`refused: ${JSON.stringify(text)}`, () => assert.throws(() => parseYamlMap(text), { message }));
}
