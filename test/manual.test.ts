// The manual pages say what the program does.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { manualCommands } from '../cmd/cria/cli/manual-commands.ts';
import { manualOptions } from '../internal/config/manual-options.ts';
import { defaultConfig } from '../internal/config/options.ts';
import { createMetrics } from '../internal/metrics/metrics.ts';

function pageText(page: string): string {
  return readFileSync(fileURLToPath(new URL(`../../docs/${page}`, import.meta.url)), 'utf8');
}

/** The part of a page between its marks. */
function generatedPart(page: string): string | undefined {
  const text = pageText(page);
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

test('cria(8) names the metrics that are served, and no others', async () => {
  const { metrics_collectors: collectors } = defaultConfig().metrics;
  const { text } = await createMetrics({ collectors, defaultRuntime: 'crun' }).read();
  const served = [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name = '']) => name);
  const section = /^# METRICS\n(.*?)^# /ms.exec(pageText('cria.8.md'))?.[1] ?? '';
  const named = [...section.matchAll(/\*\*(\w+[a-z])\*\*/g)].map(([, name = '']) => name);
  const expected = served
    .filter((name) => !name.startsWith('nodejs_'))
    .map((name) => name.replace('container_runtime_crio_', ''));
  assert.deepEqual(named.toSorted(), expected.toSorted());
  const unserved = collectors.filter((name) => !expected.includes(name));
  assert.match(
    section,
    new RegExp(
      `^The collectors ${unserved
        .toSorted()
        .join(', ')
        .replace(/, (\w+)$/, ' and $1')} have`,
      'm',
    ),
  );
});
