import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { formatProblem } from './config-error.ts';
import { type ConfigInputs, type LoadedConfig, loadConfig } from './load-config.ts';
import { optionList } from './option-list.ts';
import { defaultConfig } from './options.ts';

let root = '';
let inputs: ConfigInputs;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'cria-config-'));
});

after(async () => {
  await rm(root, { recursive: true });
});

let counter = 0;
let storageConf = '';

const notSupportedYet = 'ignored, it is not supported yet';

beforeEach(async () => {
  const folder = join(root, String(counter++));
  await mkdir(join(folder, 'conf.d'), { recursive: true });
  storageConf = join(folder, 'storage.conf');
  inputs = {
    configFile: join(folder, 'crio.conf'),
    configFileRequired: false,
    configDir: join(folder, 'conf.d'),
    storageConf: { files: [storageConf], driver: undefined, options: undefined },
    overrides: [],
  };
});

async function loadText(text: string): Promise<LoadedConfig> {
  await writeFile(inputs.configFile, text);
  return loadConfig(inputs);
}

/** Without those about options that are not supported yet, which become fewer; they have a test of their own. */
function warningsOf(loaded: LoadedConfig): string[] {
  const lasting = loaded.warnings.filter(({ reason }) => reason !== notSupportedYet);
  return lasting.map((problem) => formatProblem(problem).replaceAll(`${root}/`, ''));
}

function problemsOf(loaded: LoadedConfig): string[] {
  return loaded.problems.map(formatProblem);
}

test('loadConfig gives the defaults when there is no file at all', async () => {
  const loaded = await loadConfig({ ...inputs, configDir: join(root, 'absent') });
  assert.deepEqual(loaded.config, defaultConfig());
  assert.deepEqual(loaded.warnings, []);
  assert.deepEqual(loaded.files, []);
});

test('loadConfig reads no file when both paths are empty', async () => {
  await loadText('[crio]\nlog_dir = "/elsewhere"\n');
  const loaded = await loadConfig({ ...inputs, configFile: '', configDir: '' });
  assert.deepEqual(loaded.config, defaultConfig());
});

test('loadConfig refuses a missing file that was named', async () => {
  await assert.rejects(loadConfig({ ...inputs, configFileRequired: true }), {
    message: `${inputs.configFile}: cannot be read: ENOENT: no such file or directory, open '${inputs.configFile}'`,
  });
});

test('loadConfig reads drop-in files of any name after the main file, in the order of their names', async () => {
  const names = ['9-x', '10-y', '.hidden', 'backup~', 'sub/1'];
  await mkdir(join(inputs.configDir, 'sub'));
  for (const name of names)
    await writeFile(join(inputs.configDir, name), `[crio]\nlog_dir = "/from/${name}"\n`);
  await symlink(join(inputs.configDir, '9-x'), join(inputs.configDir, 'zz-link'));
  await symlink(inputs.configDir, join(inputs.configDir, 'zzz-loop'));
  const loaded = await loadText('[crio]\nlog_dir = "/from/main"\n');
  assert.deepEqual(
    loaded.files.map((file) => file.slice(inputs.configDir.length + 1)),
    [
      loaded.files[0]!.slice(inputs.configDir.length + 1),
      '.hidden',
      '10-y',
      '9-x',
      'backup~',
      'sub/1',
      'zz-link',
    ],
  );
  assert.equal(loaded.config.crio.log_dir, '/from/9-x');
  assert.equal(loaded.sources.get('crio.log_dir'), join(inputs.configDir, 'zz-link'));
});

test('loadConfig replaces lists and scalars, joins storage_option, and lets overrides win', async () => {
  await writeFile(
    join(inputs.configDir, '1'),
    '[crio]\nstorage_option = ["b", "a"]\n[crio.runtime]\ndefault_env = ["B=2"]\n[crio.api]\nlisten = "/two"\n',
  );
  inputs = { ...inputs, overrides: [{ key: 'crio.api.listen', value: '/three', source: '--listen' }] };
  const { config, sources } = await loadText(
    '[crio]\nstorage_option = ["a", "c"]\n[crio.runtime]\ndefault_env = ["A=1"]\n[crio.api]\nlisten = "/one"\n',
  );
  assert.deepEqual(config.crio.storage_option, ['c', 'b', 'a']);
  assert.deepEqual(config.runtime.default_env, ['B=2']);
  assert.equal(config.api.listen, '/three');
  assert.equal(sources.get('crio.api.listen'), '--listen');
});

test('loadConfig replaces a whole handler entry and keeps the others', async () => {
  await writeFile(join(inputs.configDir, '1'), '[crio.runtime.runtimes.runc]\nruntime_root = "/run/r"\n');
  const { config } = await loadText(
    '[crio.runtime.runtimes.runc]\nruntime_path = "/x/runc"\n[crio.runtime.runtimes."a.b"]\nmonitor_cgroup = "pod"\n',
  );
  assert.deepEqual(Object.keys(config.runtime.runtimes).sort(), ['a.b', 'crun', 'runc']);
  assert.equal(config.runtime.runtimes['runc']?.runtime_path, '');
  assert.equal(config.runtime.runtimes['runc']?.runtime_root, '/run/r');
  assert.equal(config.runtime.runtimes['runc']?.container_min_memory, '12MiB');
  assert.equal(config.runtime.runtimes['crun']?.container_min_memory, '500KiB');
  assert.equal(config.runtime.runtimes['a.b']?.monitor_cgroup, 'pod');
});

test('loadConfig takes root, runroot and driver from storage.conf, unless a file has a value that is not empty', async () => {
  await writeFile(storageConf, '[storage]\ngraphroot = "/g"\nrunroot = "/r"\ndriver = ""\n');
  const { config, defaults } = await loadText('[crio]\nroot = ""\nrunroot = "/mine"\n');
  assert.equal(config.crio.root, '/g');
  assert.equal(config.crio.runroot, '/mine');
  assert.equal(config.crio.storage_driver, 'overlay');
  assert.equal(defaults.crio.runroot, '/r');
});

test('loadConfig refuses a broken storage.conf and tells a value of a wrong type in it', async () => {
  await writeFile(storageConf, '[storage]\ndriver = 5\ngraphroot = ""\n');
  assert.deepEqual(problemsOf(await loadConfig(inputs)), [
    `${storageConf}: storage.driver: expected a string`,
  ]);
  await writeFile(storageConf, '[storage\n');
  await assert.rejects(loadConfig(inputs), { message: `${storageConf}:1:9: unexpected "\\n"` });
});

test('loadConfig takes the store and its options from storage.conf, its drop-ins and the environment', async () => {
  const options =
    '[storage.options]\nsize = "1G"\nadditionalimagestores = ["/a", "/b"]\nremap-uids = "0:1:2"\n';
  await writeFile(storageConf, `[storage]\nimagestore = "/i"\ntransient_store = true\n${options}`);
  await mkdir(`${storageConf}.d`);
  const dropIn =
    '[storage.options.overlay]\nmountopt = "nodev"\nsize = ""\n[storage.options.pull_options]\nenable_partial_images = "true"\n';
  await writeFile(`${storageConf}.d/10.conf`, dropIn);
  const loaded = await loadText('[crio]\nstorage_option = ["overlay.mountopt=nosuid"]\n');
  assert.equal(loaded.config.crio.imagestore, '/i');
  assert.deepEqual(loaded.config.crio.storage_option, [
    'transient_store=true',
    'overlay.imagestore=/a',
    'overlay.imagestore=/b',
    'overlay.size=1G',
    'overlay.mountopt=nodev',
    'overlay.mountopt=nosuid',
  ]);
  assert.deepEqual(
    loaded.warnings.map(({ key }) => key),
    ['storage.options.remap-uids', 'storage.options.pull_options.enable_partial_images'],
  );
  const fromEnvironment = { ...inputs.storageConf, driver: 'vfs', options: 'overlay.size=2G' };
  const { config } = await loadConfig({ ...inputs, configFile: '', storageConf: fromEnvironment });
  assert.deepEqual([config.crio.storage_driver, config.crio.storage_option], ['vfs', ['overlay.size=2G']]);
});

test('loadConfig refuses a drop-in link that leads nowhere', async () => {
  const link = join(inputs.configDir, '50-lost');
  await symlink('/nowhere/at/all', link);
  await assert.rejects(loadConfig(inputs), {
    message: `${link}: cannot be read: ENOENT: no such file or directory, stat '${link}'`,
  });
});

test('loadConfig warns once for each unknown key and never stops for one', async () => {
  const loaded = await loadText(
    'extra = 1\n[crio]\nnope = 1\n[crio.runtime]\nmanage_ns_lifecycle = true\n[other]\nx = 1\n',
  );
  const file = `${counter - 1}/crio.conf`;
  assert.deepEqual(warningsOf(loaded), [
    `${file}: crio.nope: unknown key, ignored`,
    `${file}: crio.runtime.manage_ns_lifecycle: unknown key, ignored`,
    `${file}: extra: unknown key, ignored`,
    `${file}: other: unknown key, ignored`,
  ]);
});

test('loadConfig takes a key named like a method of objects for an unknown one', async () => {
  const loaded = await loadText('[crio]\ntoString = 1\n__proto__ = { a = 1 }\n');
  assert.equal(warningsOf(loaded).length, 2);
});

test('loadConfig warns for keys of parts that do not exist here, only when they are not at their default', async () => {
  const loaded = await loadText(
    '[crio.runtime]\nconmon = ""\npinns_path = "/usr/bin/pinns"\n' +
      '[crio.runtime.runtimes.runc]\nmonitor_path = "/usr/bin/conmon"\nstream_websockets = false\n',
  );
  const file = `${counter - 1}/crio.conf`;
  assert.deepEqual(warningsOf(loaded), [
    `${file}: crio.runtime.pinns_path: ignored, there is no such part here`,
    `${file}: crio.runtime.runtimes.runc.monitor_path: ignored, there is no such part here`,
  ]);
});

test('loadConfig warns of allowed annotations that have no effect', async () => {
  const loaded = await loadText(
    '[crio.runtime.runtimes.fast]\nallowed_annotations = ["devices.crio.io", "cpu-c-states.crio.io"]\n' +
      '[crio.runtime.workloads.w]\nactivation_annotation = "w"\nallowed_annotations = ["seccomp-profile.crio.io"]\n',
  );
  const file = `${counter - 1}/crio.conf`;
  assert.deepEqual(warningsOf(loaded), [
    `${file}: crio.runtime.runtimes.fast.allowed_annotations: "cpu-c-states.crio.io" has no effect, it is not supported yet`,
    `${file}: crio.runtime.workloads.w.allowed_annotations: "seccomp-profile.crio.io" has no effect, it is not supported yet`,
  ]);
});

test('loadConfig warns for every key that is not supported yet and is not at its default', async () => {
  const waiting = optionList.filter(({ option, flag }) => option.status === 'later' && flag !== undefined);
  const unusual = (value: unknown): unknown =>
    typeof value === 'boolean'
      ? !value
      : typeof value === 'number'
        ? value + 1
        : Array.isArray(value)
          ? ['x']
          : 'x';
  const overrides = waiting.map(({ key, option }) => ({
    key,
    value: unusual(option.default),
    source: 'test',
  }));
  const { warnings } = await loadConfig({ ...inputs, overrides });
  const found = warnings.filter(({ reason }) => reason === notSupportedYet).map(({ key }) => key);
  assert.deepEqual(
    found,
    waiting.map(({ key }) => key),
  );
  const usual = waiting.map(({ key, option }) => ({ key, value: option.default, source: 'test' }));
  assert.deepEqual((await loadConfig({ ...inputs, overrides: usual })).warnings, []);
});

test('loadConfig reports all values of a wrong type at once, with file, key, expected and found', async () => {
  await writeFile(
    join(inputs.configDir, '1'),
    '[crio.api]\nlisten = ["a"]\n[crio.image]\npinned_images = ["a", 1]\n',
  );
  const text =
    '[crio]\nroot = 5\nlog_dir = 1.5\n[crio.runtime]\ndrop_infra_ctr = "yes"\npids_limit = "1"\nruntimes = 4\n' +
    '[crio.metrics]\nmetrics_port = true\n[crio.network]\nnetwork_dir = 2026-01-01\nplugin_dirs = {}\n' +
    '[crio.tracing]\ntracing_endpoint = 2026-01-01T00:00:00Z\n';
  const main = inputs.configFile;
  assert.deepEqual(problemsOf(await loadText(text)), [
    `${main}: crio.root: expected a string, found the integer 5`,
    `${main}: crio.log_dir: expected a string, found the float 1.5`,
    `${main}: crio.runtime.drop_infra_ctr: expected a boolean, found the string "yes"`,
    `${main}: crio.runtime.pids_limit: expected an integer, found the string "1"`,
    `${main}: crio.runtime.runtimes: expected a table, found the integer 4`,
    `${main}: crio.network.plugin_dirs: expected a list of strings, found a table`,
    `${main}: crio.metrics.metrics_port: expected an integer, found the boolean true`,
    `${main}: crio.tracing.tracing_endpoint: expected a string, found a date`,
    `${inputs.configDir}/1: crio.api.listen: expected a string, found a list of strings`,
    `${inputs.configDir}/1: crio.image.pinned_images: expected a list of strings, found a list with the integer 1`,
  ]);
});

test('loadConfig reports a section or handler that is no table', async () => {
  const loaded = await loadText('[crio]\napi = 1\n[crio.runtime.runtimes]\nx = "y"\n');
  assert.deepEqual(problemsOf(loaded), [
    `${inputs.configFile}: crio.api: expected a table, found the integer 1`,
    `${inputs.configFile}: crio.runtime.runtimes.x: expected a table, found the string "y"`,
  ]);
});

test('loadConfig reports broken files with line, column and key, together with the other problems', async () => {
  await writeFile(join(inputs.configDir, '1'), '[crio.api]\nlisten = \n');
  await writeFile(join(inputs.configDir, '2'), '[crio]\nroot = "/a"\nroot = "/b"\n');
  await writeFile(join(inputs.configDir, '3'), '[crio]\nroot = "a');
  await assert.rejects(loadText('[crio]\nroot = 5\n'), {
    message: [
      `${inputs.configFile}: crio.root: expected a string, found the integer 5`,
      `${inputs.configDir}/1:2:10: crio.api.listen: unexpected "\\n"`,
      `${inputs.configDir}/2:3:1: crio.root: cannot redefine existing key 'crio.root'`,
      `${inputs.configDir}/3:2:10: crio.root: unexpected end of the file`,
    ].join('\n'),
  });
});

test('loadConfig carries deprecated keys over to their successors', async () => {
  const loaded = await loadText(
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
  const file = `${counter - 1}/crio.conf`;
  assert.deepEqual(warningsOf(loaded), [
    `${file}: crio.network.plugin_dir: deprecated, added to plugin_dirs`,
    `${file}: crio.runtime.ctr_stop_timeout: 5 is raised to 30`,
  ]);
});

test('loadConfig gives a frozen configuration', async () => {
  const { config } = await loadText('');
  assert.ok(Object.isFrozen(config.runtime.runtimes['crun']));
  assert.throws(() => (config.runtime.default_env as string[]).push('A=1'), TypeError);
});
