// An option that the table calls done is read by somebody: one that nobody reads would be ignored without a warning.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { optionList } from '../internal/config/option-list.ts';
import { sections } from '../internal/config/options.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** These have their effect inside internal/config. */
const readByConfig = [
  'storage_driver',
  'plugin_dir',
  'runtime_type',
  'inherit_default_runtime',
  'runtime_config_path',
  'runtime_pull_image',
  'conmon_cgroup',
  'conmon_env',
];

function sourceOf(folder: string): string {
  return readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.startsWith('config/'))
    .map((name) => readFileSync(`${root}${folder}/${name}`, 'utf8'))
    .join('\n');
}

test('every option that is done is read outside internal/config', () => {
  const source = `${sourceOf('cmd')}\n${sourceOf('internal')}`;
  const words = new Set(source.match(/\w+/g));
  const handlers = Object.entries(sections.runtime.options.runtimes.options);
  const done = [
    ...optionList
      .filter(({ option }) => option.status === 'done')
      .map(({ key }) => key.split('.').at(-1) ?? ''),
    ...handlers.flatMap(([key, option]) =>
      option.kind === 'value' && option.status === 'done' ? [key] : [],
    ),
  ];
  assert.deepEqual(
    done.filter((key) => !words.has(key) && !readByConfig.includes(key)),
    [],
  );
});
