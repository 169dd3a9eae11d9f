import assert from 'node:assert/strict';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { useConfigFolder } from '../../test/fixtures/config-folder.ts';
import { defaultConfig } from './options.ts';

const folder = useConfigFolder();

test('loadConfig gives the defaults when there is no file at all', async () => {
  const loaded = await folder.load({ configDir: join(folder.root, 'absent') });
  assert.deepEqual(loaded.config, defaultConfig());
  assert.deepEqual(loaded.warnings, []);
  assert.deepEqual(loaded.files, []);
});

test('loadConfig reads no file when both paths are empty', async () => {
  await folder.loadText('[crio]\nlog_dir = "/elsewhere"\n');
  const loaded = await folder.load({ configFile: '', configDir: '' });
  assert.deepEqual(loaded.config, defaultConfig());
});

test('loadConfig refuses a missing file that was named', async () => {
  await assert.rejects(folder.load({ configFileRequired: true }), {
    message: `${folder.inputs.configFile}: cannot be read: ENOENT: no such file or directory, open '${folder.inputs.configFile}'`,
  });
});

test('loadConfig reads drop-in files of any name after the main file, in the order of their names', async () => {
  const names = ['9-x', '10-y', '.hidden', 'backup~', 'sub/1'];
  await mkdir(join(folder.inputs.configDir, 'sub'));
  for (const name of names) await folder.writeDropIn(name, `[crio]\nlog_dir = "/from/${name}"\n`);
  await symlink(join(folder.inputs.configDir, '9-x'), join(folder.inputs.configDir, 'zz-link'));
  await symlink(folder.inputs.configDir, join(folder.inputs.configDir, 'zzz-loop'));
  const loaded = await folder.loadText('[crio]\nlog_dir = "/from/main"\n');
  assert.deepEqual(
    loaded.files.map((file) => file.slice(folder.inputs.configDir.length + 1)),
    [
      loaded.files[0]!.slice(folder.inputs.configDir.length + 1),
      '.hidden',
      '10-y',
      '9-x',
      'backup~',
      'sub/1',
      'zz-link',
    ],
  );
  assert.equal(loaded.config.crio.log_dir, '/from/9-x');
  assert.equal(loaded.sources.get('crio.log_dir'), join(folder.inputs.configDir, 'zz-link'));
});

test('loadConfig replaces lists and scalars, joins storage_option, and lets overrides win', async () => {
  await folder.writeDropIn(
    '1',
    '[crio]\nstorage_option = ["b", "a"]\n[crio.runtime]\ndefault_env = ["B=2"]\n[crio.api]\nlisten = "/two"\n',
  );
  const overrides = [{ key: 'crio.api.listen', value: '/three', source: '--listen' }];
  const { config, sources } = await folder.loadText(
    '[crio]\nstorage_option = ["a", "c"]\n[crio.runtime]\ndefault_env = ["A=1"]\n[crio.api]\nlisten = "/one"\n',
    { overrides },
  );
  assert.deepEqual(config.crio.storage_option, ['c', 'b', 'a']);
  assert.deepEqual(config.runtime.default_env, ['B=2']);
  assert.equal(config.api.listen, '/three');
  assert.equal(sources.get('crio.api.listen'), '--listen');
});

test('loadConfig replaces a whole handler entry and keeps the others', async () => {
  await folder.writeDropIn('1', '[crio.runtime.runtimes.runc]\nruntime_root = "/run/r"\n');
  const { config } = await folder.loadText(
    '[crio.runtime.runtimes.runc]\nruntime_path = "/x/runc"\n[crio.runtime.runtimes."a.b"]\nmonitor_cgroup = "pod"\n',
  );
  assert.deepEqual(Object.keys(config.runtime.runtimes).sort(), ['a.b', 'crun', 'runc']);
  assert.equal(config.runtime.runtimes['runc']?.runtime_path, '');
  assert.equal(config.runtime.runtimes['runc']?.runtime_root, '/run/r');
  assert.equal(config.runtime.runtimes['runc']?.container_min_memory, '12MiB');
  assert.equal(config.runtime.runtimes['crun']?.container_min_memory, '500KiB');
  assert.equal(config.runtime.runtimes['a.b']?.monitor_cgroup, 'pod');
});

test('loadConfig refuses a drop-in link that leads nowhere', async () => {
  const link = join(folder.inputs.configDir, '50-lost');
  await symlink('/nowhere/at/all', link);
  await assert.rejects(folder.load(), {
    message: `${link}: cannot be read: ENOENT: no such file or directory, stat '${link}'`,
  });
});

test('loadConfig carries deprecated keys over to their successors', async () => {
  const loaded = await folder.loadText(
    '[crio.runtime]\nconmon_cgroup = "pod"\nconmon_env = ["A=1"]\nenable_criu_support = false\nctr_stop_timeout = 5\n' +
      '[crio.network]\nplugin_dir = "/more"\n[crio.api]\ngrpc_max_send_msg_size = 0\n' +
      '[crio.runtime.runtimes.runc]\nmonitor_cgroup = "system.slice"\ncontainer_create_timeout = 1\n',
  );
  const { config } = loaded;
  assert.equal(config.runtime.runtimes['runc']?.monitor_cgroup, 'pod');
  assert.deepEqual(config.runtime.runtimes['crun']?.monitor_env, ['A=1']);
  assert.equal(config.runtime.runtimes['runc']?.container_create_timeout, 30);
  assert.equal(config.runtime.ctr_stop_timeout, 30);
  assert.equal(config.checkpoint_restore.container_level_enabled, 'none');
  assert.deepEqual(config.network.plugin_dirs, ['/opt/cni/bin/', '/more']);
  assert.equal(config.api.grpc_max_send_msg_size, 83_886_080);
  assert.deepEqual(folder.warningsOf(loaded), [
    'crio.conf: crio.network.plugin_dir: deprecated, added to plugin_dirs',
    'crio.conf: crio.runtime.ctr_stop_timeout: 5 is raised to 30',
  ]);
});

test('loadConfig gives a frozen configuration', async () => {
  const { config } = await folder.loadText('');
  assert.ok(Object.isFrozen(config.runtime.runtimes['crun']));
  assert.throws(() => (config.runtime.default_env as string[]).push('A=1'), TypeError);
});
