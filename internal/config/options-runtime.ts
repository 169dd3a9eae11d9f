// [crio.runtime]: how containers run.

import {
  absolutePath,
  absolutePathList,
  anyPath,
  count,
  environment,
  logSize,
  optionalPath,
  pathList,
  text,
  timeZone,
} from './checked-types.ts';
import { done, later, unused } from './option.ts';
import { runtimes, workloads } from './options-handlers.ts';
import { tuningOptions } from './options-tuning.ts';
import { capabilityList, sysctlList, ulimitList } from './security-types.ts';
import { booleanType, wordType } from './value-type.ts';

const defaultCapabilities =
  'CHOWN DAC_OVERRIDE FSETID FOWNER SETGID SETUID SETPCAP NET_BIND_SERVICE KILL'.split(' ');

const logLevels = wordType('trace', 'debug', 'info', 'warn', 'warning', 'error', 'fatal', 'panic');

const processOptions = {
  default_runtime: done(
    text,
    'crun',
    'Handler of pods that name none; it must have an entry in the runtimes table.',
    { reloadable: true },
  ),
  cgroup_manager: done(
    wordType('systemd', 'cgroupfs'),
    'systemd',
    "Who makes cgroups. It must be the same as the kubelet's cgroup driver, which asks for it.",
  ),
  drop_infra_ctr: done(
    booleanType,
    true,
    'Run no pause process for a pod unless its containers share a PID namespace.',
  ),
  no_pivot: done(
    booleanType,
    false,
    'The runtime moves the root mount instead of pivot_root, for a node that runs from a ramdisk.',
  ),
  read_only: done(
    booleanType,
    false,
    'Containers get a read-only root file system, with a tmpfs on /run, /tmp and /var/tmp that begins with what the image has there.',
  ),
  default_env: done(environment, [], "Environment of every container, below the image's and the pod's."),
  default_sysctls: done(
    sysctlList,
    [],
    'Sysctls of every pod, left out where the pod shares the namespace in question with the host.',
  ),
  default_ulimits: done(ulimitList, [], 'Resource limits of every container, such as "nofile=1024:2048".'),
  absent_mount_sources_to_reject: done(
    pathList,
    [],
    'Host paths that make a container fail when they are missing, instead of being created as directories.',
  ),
  ctr_stop_timeout: done(
    count,
    30,
    "Seconds in which a container must have ended after SIGKILL, or its stop fails and can be repeated; less than 30 counts as 30. The grace period before is the pod's.",
    { env: 'CONTAINER_STOP_TIMEOUT' },
  ),
  timezone: done(
    timeZone,
    '',
    'Time zone of containers, put into their /etc/localtime: "Local" for that of the node, or one that the node has, such as "Europe/Berlin". TZ and a mount of the pod count more. Empty: the image\'s.',
    {
      aliases: ['tz'],
      env: 'CONTAINER_TIME_ZONE',
    },
  ),
};

const limitOptions = {
  pids_limit: done(
    count,
    -1,
    'Most processes in a container; 0 or less: no limit. Deprecated by CRI-O: the kubelet has podPidsLimit.',
  ),
  log_size_max: done(
    logSize,
    -1,
    "Bytes after which a container's log is put aside as PATH.1 and starts anew, at least 8192; negative: never. Deprecated by CRI-O: the kubelet rotates logs.",
  ),
  log_to_journald: later(booleanType, false, 'Send container logs to the journal too.', {
    flag: 'log-journald',
  }),
};

const logOptions = {
  log_level: done(logLevels, 'info', 'Least important messages that are logged.', {
    aliases: ['l'],
    reloadable: true,
  }),
  log_filter: later(text, '', 'Regular expression; only log messages that match it are written.', {
    reloadable: true,
  }),
};

const securityOptions = {
  selinux: done(
    booleanType,
    false,
    'Separate pods by SELinux labels; no effect where the kernel has SELinux off.',
  ),
  hostnetwork_disable_selinux: done(
    booleanType,
    true,
    "Pods in the host's network namespace run without an SELinux label of their own.",
  ),
  seccomp_profile: done(
    anyPath,
    '',
    'Seccomp profile of containers that ask for RuntimeDefault. Empty, or no such file: the built-in one.',
    { reloadable: true },
  ),
  privileged_seccomp_profile: done(
    anyPath,
    '',
    'Seccomp profile of privileged containers, read for each of them; they cannot be created while it cannot be used. Empty: none.',
    { reloadable: true },
  ),
  apparmor_profile: done(
    text,
    'crio-default',
    'AppArmor profile of containers that name no other; crio-default is loaded by cria, others by the node. unconfined: none.',
    { reloadable: true },
  ),
  default_capabilities: done(
    capabilityList,
    defaultCapabilities,
    'Capabilities of a container that asks for no others, with or without CAP_.',
  ),
  add_inheritable_capabilities: done(
    booleanType,
    false,
    'Put the capabilities into the inheritable set too, so that a non-root process can pass them on.',
  ),
};

const pathOptions = {
  container_exits_dir: done(
    absolutePath,
    '/var/run/crio/exits',
    'Directory in which other tools look for exit codes by container ID.',
    { env: 'CONTAINER_EXITS_DIR' },
  ),
  container_attach_socket_dir: unused(
    anyPath,
    '/var/run/crio',
    "Directory of conmon's attach sockets. cria's monitors have theirs in run_dir of [cria].",
  ),
  namespaces_dir: done(
    absolutePath,
    '/var/run',
    'Directory that holds netns/, ipcns/, utsns/, userns/ and pidns/, where the namespaces of pods are kept.',
  ),
  pinns_path: unused(anyPath, '', "Path of CRI-O's namespace helper, which cria does not need."),
  hooks_dir: done(
    pathList,
    ['/usr/share/containers/oci/hooks.d'],
    'Directories of OCI hook definitions; later ones win.',
  ),
  default_mounts_file: done(
    optionalPath,
    '',
    'File that lists what of the node every container gets a copy of, HOST:CONTAINER in each line. Empty: /etc/containers/mounts.conf, or else /usr/share/containers/mounts.conf. The copies of one line are no larger than 64 MiB and 10000 files.',
  ),
  additional_artifact_stores: later(
    absolutePathList,
    [],
    'Read-only stores of OCI artifacts, each with a directory artifacts/ inside.',
  ),
};

const monitorOptions = {
  conmon: unused(
    anyPath,
    '',
    "Path of conmon, deprecated by CRI-O. Every container runs under cria's own monitor, see monitor_path in [cria].",
  ),
  conmon_cgroup: done(text, '', 'Deprecated by CRI-O: replaces monitor_cgroup of every handler.'),
  conmon_env: done(environment, [], 'Deprecated by CRI-O: replaces monitor_env of every handler.'),
};

const podOptions = {
  enable_criu_support: later(
    booleanType,
    true,
    'Deprecated by CRI-O: false is container_level_enabled = "none".',
  ),
  enable_pod_events: later(booleanType, false, 'Send container events to the kubelet (evented PLEG).', {
    env: 'ENABLE_POD_EVENTS',
  }),
  disable_hostport_mapping: done(
    booleanType,
    false,
    'Make no host port rules: the network provider sees to host ports. Plugins with the capability portMappings map them in any case.',
    { env: 'DISABLE_HOSTPORT_MAPPING' },
  ),
  separate_pull_cgroup: later(text, '', 'Cgroup for image pulls: "pod" or the name of a slice.', {
    env: 'PULL_IN_A_CGROUP',
  }),
};

export const runtimeOptions = {
  ...processOptions,
  ...limitOptions,
  ...logOptions,
  ...securityOptions,
  ...pathOptions,
  ...monitorOptions,
  ...podOptions,
  ...tuningOptions,
  runtimes,
  workloads,
};
