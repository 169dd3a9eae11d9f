// What test/README.md says of tests is so.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../test/', import.meta.url));

test('every bug in the list has its test', () => {
  const rows = readFileSync(`${folder}README.md`, 'utf8').matchAll(
    /^\| .* \| .*#\d+.* \| `([\w-]+)` \| (.*) \|$/gm,
  );
  const named = [...rows].map(([, file = '', text = '']) => ({ file, text }));
  assert.ok(named.length > 25);
  const missing = named.filter(({ file, text }) => {
    return !readFileSync(`${folder}integration/${file}.test.ts`, 'utf8').includes(text);
  });
  assert.deepEqual(missing, []);
});
