// The manual pages say what the program does.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { manualCommands } from '../cmd/cria/cli/manual-commands.ts';
import { manualOptions } from '../internal/config/manual-options.ts';

/** The part of a page between its marks. */
function generatedPart(page: string): string | undefined {
  const text = readFileSync(fileURLToPath(new URL(`../../docs/${page}`, import.meta.url)), 'utf8');
  return /<!-- begin: [^\n]*-->\n(.*)<!-- end -->\n/s.exec(text)?.[1];
}

test('cria.conf(5) lists the options of the table', () => {
  assert.equal(
    generatedPart('cria.conf.5.md'),
    manualOptions(),
    'run: npm run build && node scripts/write-manual.mjs',
  );
});

test('cria(8) lists the commands', () => {
  assert.equal(
    generatedPart('cria.8.md'),
    manualCommands(),
    'run: npm run build && node scripts/write-manual.mjs',
  );
});
