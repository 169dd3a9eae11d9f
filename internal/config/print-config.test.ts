import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ConfigInputs, loadConfig, usualConfigInputs } from './load-config.ts';
import { optionList } from './option-list.ts';
import { defaultConfig } from './options.ts';
import { printConfig } from './print-config.ts';

const noFiles: ConfigInputs = {
  ...usualConfigInputs,
  configFile: '',
  configDir: '',
  storageConf: { files: [], driver: undefined, options: undefined },
};

function unusual(value: unknown): unknown {
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return value + 7;
  return Array.isArray(value) ? ['a "q"', 'b\\c\n', 'ü'] : '/x "y" \\z\t';
}

test('printConfig prints text that gives the same configuration, whatever the values', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'cria-print-'));
  t.after(() => rm(root, { recursive: true }));
  // plugin_dir is carried over to plugin_dirs when it is read.
  const options = optionList.filter(({ key }) => key !== 'crio.network.plugin_dir');
  const overrides = options.map(({ key, option }) => ({
    key,
    value: unusual(option.default),
    source: 'test',
  }));
  const before = await loadConfig({ ...noFiles, overrides });
  const configFile = join(root, 'printed');
  await writeFile(configFile, printConfig(before.config, before.defaults));
  const after = await loadConfig({ ...noFiles, configFile });
  assert.deepEqual(JSON.parse(JSON.stringify(after.config)), JSON.parse(JSON.stringify(before.config)));
});

test('printConfig has a line for every option, under its table', () => {
  const lines = printConfig(defaultConfig(), defaultConfig()).split('\n');
  let table = '';
  const keys = lines.flatMap((line) => {
    table = /^\[(.+)\]$/.exec(line)?.[1] ?? table;
    const key = /^# (\w+) = /.exec(line)?.[1];
    return key === undefined ? [] : [`${table}.${key}`];
  });
  for (const { key } of optionList) assert.ok(keys.includes(key), key);
});

test('printConfig prints a changed entry as a whole and says nothing of one at its default', async () => {
  const runc = { ...defaultConfig().runtime.runtimes['crun'], runtime_path: '/x/runc' };
  const overrides = [{ key: 'crio.runtime.runtimes.a.b', value: runc, source: 'test' }];
  const { config, defaults } = await loadConfig({ ...noFiles, overrides });
  const active = printConfig(config, defaults)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const start = active.indexOf('[crio.runtime.runtimes."a.b"]');
  assert.deepEqual(active.slice(start, start + 6), [
    '[crio.runtime.runtimes."a.b"]',
    'runtime_path = "/x/runc"',
    'runtime_root = "/run/crun"',
    'allowed_annotations = ["io.containers.trace-syscall", "devices.crio.io"]',
    'container_min_memory = "500KiB"',
    '[crio.image]',
  ]);
});
