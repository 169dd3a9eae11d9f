// [crio.runtime.runtimes.NAME] and [crio.runtime.workloads.NAME].

import { anyPath, count, environment, optionalPath, size, text, textList } from './checked-types.ts';
import { done, type EntriesOption, unused } from './option.ts';
import { booleanType, stringMapType, wordType } from './value-type.ts';

const handlerOptions = {
  runtime_path: done(
    optionalPath,
    '',
    "OCI runtime of this handler. Empty: the program of the handler's name in PATH.",
  ),
  runtime_type: done(
    wordType('oci', 'vm', 'pod'),
    'oci',
    'How the runtime is driven. Only "oci" is supported: a program with the runc command line.',
    { emptyKeeps: true },
  ),
  runtime_root: done(
    optionalPath,
    '',
    "State directory, given to the runtime as --root. Empty: /run/ and the handler's name.",
  ),
  runtime_args: done(
    textList,
    [],
    'Options of the runtime before its verb, such as ["--platform=kvm"] for gVisor\'s runsc. CRI-O has no such key.',
  ),
  inherit_default_runtime: done(
    booleanType,
    false,
    'Take path, type, options, configuration path and root from the default handler, so that an entry says only what differs.',
  ),
  runtime_config_path: done(
    anyPath,
    '',
    'Configuration file of a "vm" runtime. A handler that has one is left out: there is no such type.',
  ),
  privileged_without_host_devices: done(
    booleanType,
    false,
    "A privileged container gets only the devices it asks for, not all of the host's.",
  ),
  allowed_annotations: done(
    textList,
    [],
    'Annotations with an effect on the runtime that pods of this handler may use; others of that kind are removed.',
  ),
  monitor_path: unused(
    anyPath,
    '',
    "Path of conmon. Every container runs under cria's own monitor, see monitor_path in [cria].",
  ),
  monitor_cgroup: done(
    text,
    '',
    'Where monitors are accounted: "pod", or the name of a slice. Empty: system.slice with systemd, the daemon\'s own cgroup with cgroupfs, which knows only "pod" besides.',
  ),
  monitor_env: done(
    environment,
    [],
    'Environment of the OCI runtime. A PATH with the usual directories is added unless it is among them.',
  ),
  monitor_exec_cgroup: done(
    wordType('', 'container'),
    '',
    '"container": monitors of probes and other exec-syncs, and the runtime that starts the command, run in the cgroup of the container: its limits must leave room for them. As in CRI-O only with infra_ctr_cpuset.',
  ),
  platform_runtime_paths: done(
    stringMapType,
    {},
    'Other runtime programs by platform of the image, such as { "wasi/wasm32" = "/usr/bin/crun-wasm" }.',
  ),
  runtime_pull_image: done(
    booleanType,
    false,
    'The runtime pulls images itself, inside a confidential VM. Such a handler is left out: there is no "vm" type.',
  ),
  container_min_memory: done(
    size,
    '12MiB',
    'Lowest memory limit a container may ask for: below it the runtime could not start the container.',
    { emptyKeeps: true },
  ),
  no_sync_log: unused(
    booleanType,
    false,
    "Do not sync a container's log to disk when the container ends: cria never waits for that.",
  ),
  default_annotations: done(
    stringMapType,
    {},
    'Annotations added to each container of this handler, unless the container has them.',
  ),
  stream_websockets: unused(
    booleanType,
    false,
    'Of the "pod" runtime type: cria serves WebSocket streams always.',
  ),
  exec_cpu_affinity: done(
    wordType('', 'first'),
    '',
    '"first": commands of an exec run on the first CPU of the set that the container has for itself, with any version of the runtime.',
  ),
  seccomp_profile: done(
    anyPath,
    '',
    'Default seccomp profile of this handler in place of the general one. A handler whose file is not there is left out.',
  ),
  container_create_timeout: done(
    count,
    240,
    'Seconds that the runtime may take to create a container; less than 30 counts as 30.',
  ),
};

const resourceOptions = {
  cpushares: done(count, 0, 'CPU shares.'),
  cpuquota: done(count, 0, 'CFS quota in microseconds per period.'),
  cpuperiod: done(count, 0, 'CFS period in microseconds.'),
  cpuset: done(text, '', 'CPUs, such as "0-1,4".'),
  cpulimit: done(count, 0, 'CPU limit in thousandths of a CPU.'),
};

const workloadOptions = {
  activation_annotation: done(
    text,
    '',
    'A pod with this annotation, whatever its value, belongs to the workload.',
  ),
  annotation_prefix: done(
    text,
    '',
    'Prefix of the annotations by which a pod sets resources of one of its containers.',
  ),
  allowed_annotations: done(textList, [], 'Runtime annotations allowed besides those of the handler.'),
  resources: {
    kind: 'table',
    options: resourceOptions,
    doc: "Resources of the workload's containers.",
  } as const,
};

export const runtimes: EntriesOption<typeof handlerOptions> = {
  kind: 'entries',
  options: handlerOptions,
  // CRI-O's own entry; a file that has [crio.runtime.runtimes.crun] replaces it.
  default: {
    crun: {
      runtime_root: '/run/crun',
      allowed_annotations: ['io.containers.trace-syscall', 'devices.crio.io'],
      container_min_memory: '500KiB',
    },
  },
  reloadable: true,
  doc: 'Runtime handlers by name; a Kubernetes RuntimeClass picks one.',
};

export const workloads: EntriesOption<typeof workloadOptions> = {
  kind: 'entries',
  options: workloadOptions,
  default: {},
  reloadable: false,
  doc: 'Workloads by name: pods with an annotation that get resources and annotations of their own.',
};
