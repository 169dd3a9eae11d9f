import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatProblem } from './config-error.ts';
import { loadConfig, usualConfigInputs } from './load-config.ts';
import type { OptionStatus } from './option.ts';
import { findOption } from './option-list.ts';
import { sections } from './options.ts';
import { checkValues } from './validate-config.ts';

// The keys that OpenShift's machine configuration writes to 00-default on every node.
const dropIn = `
[crio]
internal_wipe = true
internal_repair = true

[crio.api]
stream_address = "127.0.0.1"
stream_port = "0"

[crio.runtime]
selinux = true
conmon = ""
conmon_cgroup = "pod"
default_env = ["NSS_SDB_USE_CACHE=no"]
log_level = "info"
cgroup_manager = "systemd"
default_sysctls = ["net.ipv4.ping_group_range=0 2147483647"]
default_runtime = "crun"
hooks_dir = ["/etc/containers/oci/hooks.d", "/run/containers/oci/hooks.d", "/usr/share/containers/oci/hooks.d"]
manage_ns_lifecycle = true
absent_mount_sources_to_reject = ["/etc/hostname"]
drop_infra_ctr = true

[crio.runtime.runtimes.runc]
runtime_root = "/run/runc"
allowed_annotations = ["io.containers.trace-syscall", "io.kubernetes.cri-o.Devices", "io.kubernetes.cri-o.LinkLogs"]

[crio.runtime.runtimes.crun]
runtime_root = "/run/crun"
allowed_annotations = ["io.containers.trace-syscall", "io.kubernetes.cri-o.Devices", "io.kubernetes.cri-o.LinkLogs"]
container_min_memory = "512KiB"
default_annotations = {"run.oci.systemd.subgroup" = ""}

[crio.runtime.workloads.openshift-builder]
activation_annotation = "io.openshift.builder"
allowed_annotations = ["io.kubernetes.cri-o.userns-mode", "io.kubernetes.cri-o.Devices"]
[crio.runtime.workloads.openshift-builder.resources]

[crio.image]
global_auth_file = "/var/lib/kubelet/config.json"
pause_image = "registry.example/pause@sha256:0000"
pause_image_auth_file = "/var/lib/kubelet/config.json"
pause_command = "/usr/bin/pod"
short_name_mode = "disabled"

[crio.network]
network_dir = "/etc/kubernetes/cni/net.d/"
plugin_dirs = ["/var/lib/cni/bin"]

[crio.metrics]
enable_metrics = true
metrics_host = "127.0.0.1"
metrics_port = 9537
metrics_collectors = ["operations", "operations_latency_microseconds", "containers_oom", "processes_defunct"]
`;

// A ContainerRuntimeConfig with pidsLimit 0, which means no limit, as the machine configuration writes it.
const pidsLimitDropIn = '[crio]\n  [crio.runtime]\n    pids_limit = 0\n';

test('the drop-in files of an OpenShift node load without a problem, and what has no effect is named', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'cria-openshift-'));
  t.after(() => rm(root, { recursive: true }));
  const configDir = join(root, 'crio.conf.d');
  await mkdir(configDir);
  await writeFile(join(configDir, '00-default'), dropIn);
  await writeFile(join(configDir, '01-ctrcfg-pidsLimit'), pidsLimitDropIn);
  const none = join(root, 'none');
  const loaded = await loadConfig({
    ...usualConfigInputs,
    configFile: none,
    storageConf: { files: [], driver: undefined, options: undefined },
    configDir,
  });
  const { config } = loaded;

  assert.deepEqual(checkValues(loaded), []);
  assert.equal(config.runtime.pids_limit, 0);
  assert.equal(config.runtime.runtimes['crun']?.monitor_cgroup, 'pod');
  assert.deepEqual(
    { ...config.runtime.runtimes['crun']?.default_annotations },
    { 'run.oci.systemd.subgroup': '' },
  );
  assert.equal(config.runtime.workloads['openshift-builder']?.activation_annotation, 'io.openshift.builder');
  assert.equal(config.network.network_dir, '/etc/kubernetes/cni/net.d/');
  const unknown = loaded.warnings.filter(({ reason }) => reason === 'unknown key, ignored');
  assert.deepEqual(unknown.map(formatProblem), [
    `${configDir}/00-default: crio.runtime.manage_ns_lifecycle: unknown key, ignored`,
  ]);
  const ineffective = loaded.warnings.filter((warning) => !unknown.includes(warning));
  assert.deepEqual(ineffective.map(({ key }) => key).sort(), notDone(notDefault));
});

// What the file sets to something else than the default; which of these work grows with the program.
const notDefault = [
  'crio.image.global_auth_file',
  'crio.image.pause_command',
  'crio.image.pause_image',
  'crio.image.pause_image_auth_file',
  'crio.image.short_name_mode',
  'crio.metrics.enable_metrics',
  'crio.metrics.metrics_collectors',
  'crio.metrics.metrics_port',
  'crio.network.network_dir',
  'crio.network.plugin_dirs',
  'crio.runtime.absent_mount_sources_to_reject',
  'crio.runtime.conmon_cgroup',
  'crio.runtime.default_env',
  'crio.runtime.default_sysctls',
  'crio.runtime.hooks_dir',
  'crio.runtime.pids_limit',
  'crio.runtime.selinux',
  'crio.runtime.workloads.openshift-builder.activation_annotation',
  'crio.runtime.workloads.openshift-builder.allowed_annotations',
];

function notDone(keys: readonly string[]): string[] {
  const { activation_annotation, allowed_annotations } = sections.runtime.options.workloads.options;
  const workload: Record<string, { status: OptionStatus }> = { activation_annotation, allowed_annotations };
  return keys.filter((key) => {
    const option = findOption(key)?.option ?? workload[key.split('.').at(-1) ?? ''];
    assert.ok(option, key);
    return option.status !== 'done';
  });
}
