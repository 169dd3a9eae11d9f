import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type LoadedConfig, loadConfig, usualConfigInputs } from './load-config.ts';
import { reloadConfig } from './reload-config.ts';
import { validateConfig } from './validate-config.ts';

const program = process.execPath;

const base = `
[cria]
monitor_path = "${program}"
pause_path = "${program}"
[crio.runtime.runtimes.crun]
runtime_path = "${program}"
`;

async function started(configFile: string): Promise<LoadedConfig> {
  await writeFile(configFile, base);
  const overrides = [{ key: 'crio.image.pause_command', value: '/flag', source: '--pause-command' }];
  const inputs = {
    ...usualConfigInputs,
    configFile,
    configDir: '',
    storageConf: { files: [], driver: undefined, options: undefined },
    overrides,
  };
  return validateConfig(await loadConfig(inputs), '');
}

test('reloadConfig takes over what may change, names the rest, and keeps flags', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'cria-reload-'));
  t.after(() => rm(root, { recursive: true }));
  const configFile = join(root, 'crio.conf');
  const current = await started(configFile);
  await writeFile(
    configFile,
    `${base}[crio.runtime.runtimes.second]\nruntime_path = "${program}"\n` +
      '[crio.runtime]\nlog_level = "debug"\ndefault_runtime = "second"\nread_only = true\n' +
      '[crio.api]\nlisten = "/run/other.sock"\n[crio.image]\npinned_images = ["a*"]\npause_command = "/file"\n',
  );
  const { loaded, changed, needRestart } = await reloadConfig(current, '');
  assert.deepEqual([...changed].sort(), [
    'crio.image.pinned_images',
    'crio.runtime.default_runtime',
    'crio.runtime.log_level',
    'crio.runtime.runtimes',
  ]);
  const waiting = ['crio.api.listen', 'crio.runtime.read_only'];
  assert.deepEqual([...needRestart].sort(), waiting);
  const { config } = loaded;
  assert.equal(config.runtime.log_level, 'debug');
  assert.equal(config.api.listen, current.config.api.listen);
  assert.deepEqual(Object.keys(config.runtime.runtimes), ['crun', 'second']);
  assert.equal(config.runtime.default_runtime, 'second');
  assert.equal(config.runtime.read_only, false);
  assert.equal(config.image.pause_command, '/flag');

  const again = await reloadConfig(loaded, '');
  assert.deepEqual([again.changed, [...again.needRestart].sort()], [[], waiting]);
  assert.deepEqual(again.loaded.config, config);
});

test('reloadConfig refuses what cannot work and changes nothing', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'cria-reload-'));
  t.after(() => rm(root, { recursive: true }));
  const configFile = join(root, 'crio.conf');
  const current = await started(configFile);
  await writeFile(configFile, `${base}[crio.runtime]\nlog_level = "debug"\ndefault_runtime = "gone"\n`);
  await assert.rejects(reloadConfig(current, ''), {
    name: 'ConfigError',
    message: `${configFile}: crio.runtime.default_runtime: "gone" has no entry in [crio.runtime.runtimes] (there are: crun)`,
  });
  assert.equal(current.config.runtime.log_level, 'info');
});
