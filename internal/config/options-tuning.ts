// [crio.runtime], second part: devices, CPUs, user namespaces and the other things that special nodes set.

import { anyPath, count, cpuList, deviceList, pathList, text } from './checked-types.ts';
import { done, later } from './option.ts';
import { booleanType } from './value-type.ts';

const deviceOptions = {
  allowed_devices: done(
    pathList,
    ['/dev/fuse', '/dev/net/tun'],
    'Devices that a pod may ask for by annotation.',
  ),
  additional_devices: done(
    deviceList,
    [],
    'Devices of every container, as host-path:container-path:permissions.',
  ),
  cdi_spec_dirs: done(pathList, ['/etc/cdi', '/var/run/cdi'], 'Directories of CDI device descriptions.', {
    reloadable: true,
  }),
  device_ownership_from_security_context: done(
    booleanType,
    false,
    'Devices belong to the user and group that the container runs as.',
  ),
  bind_mount_prefix: later(
    anyPath,
    '',
    'Put before the source of bind mounts when the daemon itself runs in a container.',
  ),
};

const cpuOptions = {
  min_injected_gomaxprocs: done(
    count,
    0,
    'Least GOMAXPROCS of containers of burstable and best-effort pods without a CPU limit, which get twice the CPUs that they request; not set where there is one already. 0: none is set.',
    { flag: 'inject-gomaxprocs' },
  ),
  infra_ctr_cpuset: done(
    cpuList,
    '',
    'CPUs of pause processes, such as "0-1". Monitors and OCI runtimes run on those of the daemon: CPUAffinity= of its unit says which.',
  ),
  shared_cpuset: done(
    cpuList,
    '',
    'CPUs that containers with CPUs of their own may use beside these, by the annotation cpu-shared.crio.io.',
  ),
  irqbalance_config_file: done(
    anyPath,
    '/etc/sysconfig/irqbalance',
    'Configuration file of irqbalance, for the annotation irq-load-balancing.crio.io.',
  ),
  irqbalance_config_restore_file: done(
    anyPath,
    '/etc/sysconfig/orig_irq_banned_cpus',
    'File with the CPU mask that irqbalance gets back at the first start after a boot; "disable": none.',
  ),
  blockio_config_file: later(anyPath, '', 'Classes of block I/O limits.', { reloadable: true }),
  blockio_reload: later(booleanType, false, 'Read the block I/O classes again for each container.', {
    reloadable: true,
  }),
  rdt_config_file: later(anyPath, '', 'Classes of cache and memory bandwidth (resctrl).', {
    reloadable: true,
  }),
};

const userOptions = {
  uid_mappings: later(text, '', 'Deprecated by CRI-O: user IDs of one user namespace for all pods.'),
  gid_mappings: later(text, '', 'Deprecated by CRI-O: group IDs of one user namespace for all pods.'),
  minimum_mappable_uid: done(
    count,
    -1,
    'Lowest host user ID that the annotation userns-mode.crio.io maps into a pod. Negative: 1. Deprecated by CRI-O.',
  ),
  minimum_mappable_gid: done(
    count,
    -1,
    'Lowest host group ID that the annotation userns-mode.crio.io maps into a pod. Negative: 1. Deprecated by CRI-O.',
  ),
  decryption_keys_path: later(anyPath, '/etc/crio/keys/', 'Directory of keys for encrypted images.', {
    reloadable: true,
  }),
};

export const tuningOptions = { ...deviceOptions, ...cpuOptions, ...userOptions };
