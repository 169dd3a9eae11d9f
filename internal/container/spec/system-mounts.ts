import { DaemonError } from '../../errors/daemon-error.ts';
import type { MountSpec } from '../../oci/runtime-spec.ts';
import type { SpecInput } from './spec-input.ts';

/** What every container finds mounted: the kernel's file systems, /dev and the files that the pod shares. */
export function systemMounts(input: SpecInput): readonly MountSpec[] {
  const { privileged } = input.config.security;
  const access = privileged ? 'rw' : 'ro';
  return [
    procMount,
    devMount,
    devptsMount,
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    sysfsMount(access),
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'relatime', input.hasWritableCgroups ? 'rw' : access],
    },
    shmMount(input),
    ...(input.defaults.readOnlyRootfs ? scratchMounts : []),
    ...podFiles(input, hasReadOnlyRoot(input) ? 'ro' : 'rw'),
  ];
}

/** The request's wish or the node's. */
export function hasReadOnlyRoot({ config, defaults }: Pick<SpecInput, 'config' | 'defaults'>): boolean {
  return config.security.readonlyRootfs || defaults.readOnlyRootfs;
}

/** With what the image has there: tmpcopyup is of runc and crun, not of the OCI's specification. */
const scratchMounts: readonly MountSpec[] = [
  ['/run', '0755'],
  ['/tmp', '1777'],
  ['/var/tmp', '1777'],
].map(([destination = '', mode]) => ({
  destination,
  type: 'tmpfs',
  source: 'tmpfs',
  options: ['rw', 'noexec', 'nosuid', 'nodev', 'tmpcopyup', `mode=${mode}`],
}));

/** As runtime-spec asks every Linux container to have it ("Default Filesystems"). */
export const procMount: MountSpec = {
  destination: '/proc',
  type: 'proc',
  source: 'proc',
  options: ['nosuid', 'noexec', 'nodev'],
};

/** A tmpfs in which the OCI runtime makes the devices. */
export const devMount: MountSpec = {
  destination: '/dev',
  type: 'tmpfs',
  source: 'tmpfs',
  options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
};

// gid 5 is `tty` everywhere: without it a program cannot pass its terminal on (devpts(5)).
const devptsMount: MountSpec = {
  destination: '/dev/pts',
  type: 'devpts',
  source: 'devpts',
  options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
};

function sysfsMount(access: 'ro' | 'rw'): MountSpec {
  return {
    destination: '/sys',
    type: 'sysfs',
    source: 'sysfs',
    options: ['nosuid', 'noexec', 'nodev', access],
  };
}

/** The host's for a host ipc namespace, the pod's for a shared one, and one of its own for a container's own. */
function shmMount(input: SpecInput): MountSpec {
  const { ipcMode } = input.config.security;
  const options = ['nosuid', 'noexec', 'nodev'];
  if (ipcMode === 'container') {
    return {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: [...options, 'mode=1777', `size=${input.defaults.shmSizeBytes}`],
    };
  }
  const source = ipcMode === 'node' ? '/dev/shm' : podShm(input.sandbox);
  return {
    destination: '/dev/shm',
    type: 'bind',
    source,
    options: [...options, 'rbind', 'rprivate', 'rw'],
  };
}

/** Never the host's by mistake: only where the pod's ipc namespace is the host's. */
function podShm({ shmPath, namespaces }: SpecInput['sandbox']): string {
  if (shmPath !== undefined) return shmPath;
  if (namespaces.ipc === 'host') return '/dev/shm';
  throw new DaemonError('failed-precondition', 'the sandbox has no /dev/shm of its own');
}

function podFiles(input: SpecInput, access: 'ro' | 'rw'): readonly MountSpec[] {
  const { resolvConfPath, hostnamePath } = input.sandbox;
  const files = [
    ['/etc/resolv.conf', resolvConfPath],
    ['/etc/hostname', hostnamePath],
  ] as const;
  return files.flatMap(([destination, source]) =>
    source === undefined
      ? []
      : [
          {
            destination,
            type: 'bind',
            source,
            options: ['bind', 'rprivate', 'nosuid', 'nodev', 'noexec', access],
          },
        ],
  );
}
