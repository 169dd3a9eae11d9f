import type { RuntimeSpec, UserSpec } from '../../oci/runtime-spec.ts';
import { outsideId } from '../../sys/id-maps.ts';
import type { LinuxResources } from '../container-config.ts';
import { ociVersion } from './build-spec.ts';
import { namespaceOf, userSource } from './namespaces.ts';
import { type PodAmounts, podResourceAnnotations } from './pod-resource-annotations.ts';
import { oomScoreAdj } from './resources.ts';
import { seccomp } from './seccomp.ts';
import type { HostFacts, PodUserNamespace, SandboxFacts, SpecDefaults } from './spec-input.ts';
import { devMount, procMount } from './system-mounts.ts';
import { idMappings } from './user-namespace.ts';

export interface InfraSpecInput {
  /** The sandbox's id: the infra container has the same. */
  readonly sandbox: SandboxFacts;
  readonly host: HostFacts;
  readonly defaults: Pick<SpecDefaults, 'managerName' | 'seccompProfile'>;
  /** A directory that holds the pause binary and nothing else; the runtime adds the mount points. */
  readonly rootfsPath: string;
  /** The pause binary's path in it, such as `/pause`. */
  readonly pausePath: string;
  /** In the form of the cgroup driver. */
  readonly cgroupsPath: string;
  readonly resources: Pick<LinuxResources, 'oomScoreAdj' | 'cpusetCpus'>;
  /** Of the whole pod, as it was asked for: what an update says later is not for the spec. */
  readonly podAmounts: PodAmounts;
}

/** The one identity that an image never has a reason to use: not root, not nobody. */
const pauseId = 65_535;
/** Root of the pod where so few ids are mapped: it has no capability either way. */
function pauseUser(userNamespace: PodUserNamespace | undefined): UserSpec {
  const maps = userNamespace === undefined ? [] : [userNamespace.idMaps.uids, userNamespace.idMaps.gids];
  const id = maps.every((map) => outsideId(map, pauseId) !== undefined) ? pauseId : 0;
  return { uid: id, gid: id, additionalGids: [id] };
}

/** The kernel's least: the process only sleeps. */
const pauseCpuShares = 2;

/**
 * The spec of the process that holds a pod's shared pid namespace and reaps its orphans: a new pid namespace, the
 * pod's own others, no capability, nothing to write to.
 */
export function infraSpec(input: InfraSpecInput): RuntimeSpec {
  const { sandbox, host } = input;
  const none: readonly string[] = [];
  const profile = seccomp(
    {
      security: { privileged: false, seccomp: { type: 'runtime-default' } },
      localhost: undefined,
      runtimeDefault: input.defaults.seccompProfile,
      privileged: undefined,
    },
    { capabilities: none, architecture: host.architecture, kernelVersion: host.kernelVersion },
  );
  return {
    ociVersion,
    process: {
      terminal: false,
      user: pauseUser(sandbox.userNamespace),
      args: [input.pausePath],
      env: [],
      cwd: '/',
      capabilities: { bounding: none, effective: none, permitted: none, inheritable: none, ambient: none },
      noNewPrivileges: true,
      ...(sandbox.labels.process !== '' && { selinuxLabel: sandbox.labels.process }),
      oomScoreAdj: oomScoreAdj(input.resources.oomScoreAdj, host.oomScoreAdjMin),
    },
    root: { path: input.rootfsPath, readonly: true },
    ...(sandbox.namespaces.uts === 'new' && { hostname: sandbox.hostname }),
    mounts: [procMount, devMount],
    annotations: {
      'io.kubernetes.cri-o.ContainerID': sandbox.id,
      'io.kubernetes.cri-o.ContainerName': sandbox.name,
      'io.kubernetes.cri-o.ContainerType': 'sandbox',
      'io.kubernetes.cri-o.KubeName': sandbox.podName,
      'io.kubernetes.cri-o.Namespace': sandbox.podNamespace,
      'io.kubernetes.cri-o.SandboxID': sandbox.id,
      'io.kubernetes.cri-o.SandboxName': sandbox.name,
      ...podResourceAnnotations(input.podAmounts),
      'io.container.manager': input.defaults.managerName,
    },
    linux: {
      namespaces: [
        ...namespaceOf('user', userSource(sandbox.userNamespace)),
        { type: 'mount' },
        { type: 'pid' },
        ...namespaceOf('network', sandbox.namespaces.network),
        ...namespaceOf('ipc', sandbox.namespaces.ipc),
        ...namespaceOf('uts', sandbox.namespaces.uts),
        ...namespaceOf('cgroup', host.cgroupV2 ? 'new' : 'host'),
      ],
      ...idMappings(sandbox.userNamespace),
      cgroupsPath: input.cgroupsPath,
      resources: {
        devices: [{ allow: false, access: 'rwm' }],
        cpu: {
          shares: pauseCpuShares,
          ...(input.resources.cpusetCpus !== '' && { cpus: input.resources.cpusetCpus }),
        },
      },
      maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list'],
      readonlyPaths: ['/proc/sys', '/proc/sysrq-trigger'],
      ...(sandbox.labels.mount !== '' && { mountLabel: sandbox.labels.mount }),
      ...(profile !== undefined && { seccomp: profile }),
    },
  };
}
