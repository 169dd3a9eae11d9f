import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ConfigError, formatProblem } from './config-error.ts';
import { type LoadedConfig, loadConfig, usualConfigInputs } from './load-config.ts';
import { checkValues, validateConfig } from './validate-config.ts';

let root = '';
let searchPath = '';

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'cria-validate-'));
  searchPath = `relative:${root}/empty:${root}/bin`;
  for (const folder of ['empty', 'bin', 'bin/directory']) await mkdir(join(root, folder));
  for (const name of ['crun', 'runc', 'monitor', 'pause']) {
    await writeFile(join(root, 'bin', name), '');
    await chmod(join(root, 'bin', name), 0o755);
  }
  await writeFile(join(root, 'bin/plain'), '');
});

after(async () => {
  await rm(root, { recursive: true });
});

async function loadText(text: string): Promise<LoadedConfig> {
  const configFile = join(root, 'crio.conf');
  await writeFile(configFile, text);
  return loadConfig({
    ...usualConfigInputs,
    configFile,
    configDir: '',
    storageConf: { files: [], driver: undefined, options: undefined },
  });
}

/** With programs of its own for monitor and pause, which are not built yet when unit tests run. */
async function validateText(text: string): Promise<LoadedConfig> {
  const programs = `[cria]\nmonitor_path = "${root}/bin/monitor"\npause_path = "${root}/bin/pause"\n`;
  const loaded = await loadText(`${text}\n${programs}`);
  // The warnings of loading have their own tests.
  return validateConfig({ ...loaded, warnings: [] }, searchPath);
}

async function problemsOf(text: string): Promise<string[]> {
  const loaded = await loadText(text);
  return checkValues(loaded).map((problem) => formatProblem(problem).replace(`${root}/crio.conf: `, ''));
}

async function rejection(text: string): Promise<string[]> {
  const error: unknown = await validateText(text).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  assert.ok(error instanceof ConfigError, String(error));
  return error.problems.map((problem) => formatProblem(problem).replaceAll(`${root}/`, ''));
}

test('checkValues finds no fault with the defaults', async () => {
  assert.deepEqual(await problemsOf(''), []);
});

test('checkValues collects everything that is wrong, by key', async () => {
  const long = `/${'x'.repeat(107)}`;
  const text = `
[crio]
root = "relative"
log_dir = ""
storage_driver = "vfs"
[crio.api]
listen = "${long}"
stream_port = "x"
tls_min_version = "VersionTLS11"
[crio.runtime]
default_runtime = "nope"
cgroup_manager = "cgroup"
log_level = "loud"
log_size_max = 8191
default_capabilities = ["CHOWN", "cap_net_raw", "FLY"]
default_ulimits = ["nofile=1:2", "nofile=3:4"]
default_sysctls = ["net.ipv4.ip_forward 1"]
default_env = ["PATH"]
[crio.network]
cni_status_grace_period = "5 minutes"
[crio.metrics]
metrics_port = 65536
[cria]
run_dir = "run"
runtime_name = "docker"
registries_conf = ""
`;
  assert.deepEqual(await problemsOf(text), [
    'crio.root: "relative" is not an absolute path',
    'crio.log_dir: "" is not an absolute path',
    `crio.api.listen: "${long}" has 108 bytes, a socket's path at most 107`,
    'crio.api.stream_port: "x" is no port ("0" to "65535")',
    'crio.api.tls_min_version: "VersionTLS11" is none of "VersionTLS12", "VersionTLS13"',
    'crio.runtime.cgroup_manager: "cgroup" is none of "systemd", "cgroupfs"',
    'crio.runtime.default_env: "PATH" is not of the form NAME=VALUE',
    'crio.runtime.default_sysctls: "net.ipv4.ip_forward 1" is not of the form name=value',
    'crio.runtime.log_size_max: 8191 is neither negative (no limit) nor at least 8192',
    'crio.runtime.log_level: "loud" is none of "trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"',
    'crio.runtime.default_capabilities: "FLY" is no Linux capability',
    'crio.network.cni_status_grace_period: "5 minutes" is no duration such as 2s or 1m30s',
    'crio.metrics.metrics_port: 65536 is no port (0 to 65535)',
    'cria.run_dir: "run" is not an absolute path',
    'cria.runtime_name: "docker" is none of "cria", "cri-o"',
    'cria.registries_conf: "" is not an absolute path',
    'crio.storage_driver: "vfs" is not supported, only "overlay" is',
    'crio.runtime.default_runtime: "nope" has no entry in [crio.runtime.runtimes] (there are: crun)',
    'crio.runtime.default_ulimits: "nofile" is there twice',
  ]);
});

test('checkValues knows limits by name and by size', async () => {
  const limits = ['fast=1:2', 'nofile=2:1', 'nofile=-1:5', 'nofile', 'nofile=1:x'];
  const expected = [
    '"fast=1:2" names no resource limit',
    '"nofile=2:1" has a soft limit above the hard one',
    '"nofile=-1:5" has a soft limit above the hard one',
    '"nofile" is not of the form name=soft:hard',
    '"nofile=1:x" is not of the form name=soft:hard',
  ];
  for (const [index, limit] of limits.entries()) {
    const found = await problemsOf(`[crio.runtime]\ndefault_ulimits = ["${limit}"]\n`);
    assert.deepEqual(found, [`crio.runtime.default_ulimits: ${expected[index]}`]);
  }
  const good = '"nofile=1024:2048", "core=-1:-1", "nproc=5:-1", "stack=8388608"';
  assert.deepEqual(await problemsOf(`[crio.runtime]\ndefault_ulimits = [${good}]\n`), []);
});

test('validateConfig completes handlers: program, root, monitor cgroup', async () => {
  const { config, warnings } = await validateText(
    `[crio.runtime.runtimes.runc]\n[crio.runtime.runtimes.own]\nruntime_path = "${root}/bin/crun"\nmonitor_cgroup = "pod"\n`,
  );
  assert.deepEqual(warnings, []);
  const { crun, runc, own } = config.runtime.runtimes;
  assert.equal(crun?.runtime_path, `${root}/bin/crun`);
  assert.deepEqual([runc?.runtime_path, runc?.runtime_root], [`${root}/bin/runc`, '/run/runc']);
  assert.deepEqual([runc?.monitor_cgroup, own?.monitor_cgroup], ['system.slice', 'pod']);
  assert.equal(own?.runtime_root, '/run/own');
  assert.ok(Object.isFrozen(config.runtime.runtimes));
});

test('validateConfig copies what a handler inherits from the default one', async () => {
  const { config } = await validateText(
    `[crio.runtime]\ndefault_runtime = "main"\n[crio.runtime.runtimes.main]\nruntime_path = "${root}/bin/runc"\n` +
      '[crio.runtime.runtimes.tuned]\ninherit_default_runtime = true\nruntime_path = "/nope"\n' +
      'allowed_annotations = ["cpu-quota.crio.io"]\n',
  );
  const { tuned } = config.runtime.runtimes;
  assert.deepEqual([tuned?.runtime_path, tuned?.runtime_root], [`${root}/bin/runc`, '/run/main']);
  assert.deepEqual(tuned?.allowed_annotations, ['cpu-quota.crio.io']);
});

test('validateConfig leaves out a handler that cannot work, with a warning for each reason', async () => {
  const { config, warnings } = await validateText(`
[crio.runtime.runtimes.kata]
[crio.runtime.runtimes.vm]
runtime_path = "${root}/bin/crun"
runtime_type = "vm"
container_min_memory = "lots"
monitor_cgroup = "here"
[crio.runtime.runtimes.plain]
runtime_path = "${root}/bin/plain"
[crio.runtime.runtimes.folder]
runtime_path = "${root}/bin/directory"
[crio.runtime.runtimes.gone]
runtime_path = "${root}/bin/gone"
`);
  assert.deepEqual(Object.keys(config.runtime.runtimes), ['crun']);
  assert.deepEqual(
    warnings.map((problem) => formatProblem(problem).replaceAll(`${root}/`, '')),
    [
      'crio.conf: crio.runtime.runtimes.kata.runtime_path: there is no program "kata" in PATH; handler "kata" is left out',
      'crio.conf: crio.runtime.runtimes.vm.container_min_memory: "lots" is no size such as 512KiB or 12MiB; handler "vm" is left out',
      'crio.conf: crio.runtime.runtimes.vm.monitor_cgroup: "here" is neither "pod" nor the name of a slice; handler "vm" is left out',
      'crio.conf: crio.runtime.runtimes.vm.runtime_type: "vm" is not supported yet, only "oci" is; handler "vm" is left out',
      'crio.conf: crio.runtime.runtimes.plain.runtime_path: program bin/plain is not executable; handler "plain" is left out',
      'crio.conf: crio.runtime.runtimes.folder.runtime_path: bin/directory is not a file; handler "folder" is left out',
      'crio.conf: crio.runtime.runtimes.gone.runtime_path: program bin/gone does not exist; handler "gone" is left out',
    ],
  );
});

test('validateConfig leaves out a handler that asks for more than an OCI runtime does, or for files that are not there', async () => {
  const { config, warnings } = await validateText(`
[crio.runtime.runtimes.kata]
runtime_path = "${root}/bin/crun"
runtime_config_path = "/etc/kata.toml"
runtime_pull_image = true
[crio.runtime.runtimes.wasm]
runtime_path = "${root}/bin/crun"
platform_runtime_paths = { "wasi/wasm32" = "${root}/bin/gone", "wasm" = "${root}/bin/crun" }
seccomp_profile = "${root}/gone.json"
`);
  assert.deepEqual(Object.keys(config.runtime.runtimes), ['crun']);
  assert.deepEqual(
    warnings.map(({ key, reason }) => `${key}: ${reason}`.replaceAll(`${root}/`, '')),
    [
      'crio.runtime.runtimes.kata.runtime_config_path: it is for the runtime type "vm"; an OCI runtime gets its options by runtime_args; handler "kata" is left out',
      'crio.runtime.runtimes.kata.runtime_pull_image: it needs the runtime type "vm", which is not supported; handler "kata" is left out',
      'crio.runtime.runtimes.wasm.platform_runtime_paths: program bin/gone does not exist; handler "wasm" is left out',
      'crio.runtime.runtimes.wasm.platform_runtime_paths: "wasm" is not of the form OS/ARCHITECTURE; handler "wasm" is left out',
      'crio.runtime.runtimes.wasm.seccomp_profile: gone.json cannot be read; handler "wasm" is left out',
    ],
  );
});

test('validateConfig takes the handler type "pod" for "oci"', async () => {
  const { config, warnings } = await validateText('[crio.runtime.runtimes.runc]\nruntime_type = "pod"\n');
  assert.equal(config.runtime.runtimes['runc']?.runtime_type, 'oci');
  assert.deepEqual(
    warnings.map(({ key, reason }) => `${key}: ${reason}`),
    ['crio.runtime.runtimes.runc.runtime_type: "pod" is treated as "oci": cria has its own monitor'],
  );
});

test('validateConfig tells of a monitor_exec_cgroup that waits for infra_ctr_cpuset', async () => {
  const handler = '[crio.runtime.runtimes.runc]\nmonitor_exec_cgroup = "container"\n';
  const { config, warnings } = await validateText(handler);
  assert.equal(config.runtime.runtimes['runc']?.monitor_exec_cgroup, 'container');
  assert.deepEqual(
    warnings.map(({ key, reason }) => `${key}: ${reason}`),
    [
      'crio.runtime.runtimes.runc.monitor_exec_cgroup: "container" has no effect without infra_ctr_cpuset, as in CRI-O',
    ],
  );
  const both = await validateText(`[crio.runtime]\ninfra_ctr_cpuset = "0"\n${handler}`);
  assert.deepEqual(both.warnings, []);
});

test('validateConfig refuses a default handler that cannot work, together with the other problems', async () => {
  assert.deepEqual(
    await rejection(
      '[crio.runtime]\ncgroup_manager = "cgroupfs"\nlog_size_max = 5\ndefault_runtime = "main"\n' +
        '[crio.runtime.runtimes.main]\nmonitor_cgroup = "system.slice"\n',
    ),
    [
      'crio.conf: crio.runtime.log_size_max: 5 is neither negative (no limit) nor at least 8192',
      'crio.conf: crio.runtime.runtimes.main.monitor_cgroup: "system.slice" needs the cgroup manager systemd; with cgroupfs it is "pod" or empty',
      'crio.conf: crio.runtime.runtimes.main.runtime_path: there is no program "main" in PATH',
    ],
  );
});

test('validateConfig refuses a time zone that is none, and one that the node does not have', async () => {
  const of = (zone: string) =>
    rejection(
      `[crio.runtime]\ntimezone = "${zone}"\n[crio.runtime.runtimes.crun]\nruntime_path = "${root}/bin/crun"\n`,
    );
  const name = 'crio.conf: crio.runtime.timezone:';
  for (const zone of ['../../passwd', '/etc/localtime', 'Etc/', 'Etc/../UTC'])
    assert.deepEqual(await of(zone), [
      `${name} "${zone}" is neither "Local" nor a zone such as "Europe/Berlin"`,
    ]);
  assert.deepEqual(await of('No/Such'), [
    `${name} the node has no time zone "No/Such": /usr/share/zoneinfo/No/Such cannot be read (ENOENT); is tzdata installed?`,
  ]);
});

test('validateConfig refuses a monitor or pause program that cannot be run', async () => {
  const loaded = await loadText(`[cria]\nmonitor_path = "${root}/nope"\npause_path = "${root}/bin/plain"\n`);
  await assert.rejects(validateConfig(loaded, searchPath), {
    message:
      `${root}/crio.conf: cria.monitor_path: program ${root}/nope does not exist\n` +
      `${root}/crio.conf: cria.pause_path: program ${root}/bin/plain is not executable`,
  });
});
