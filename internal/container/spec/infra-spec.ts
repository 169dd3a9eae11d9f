import type { CpuSpec, LinuxSpec, ProcessSpec, RuntimeSpec, UserSpec } from '../../oci/runtime-spec.ts';
import { outsideId } from '../../sys/id-maps.ts';
import type { LinuxResources } from '../container-config.ts';
import { passedAnnotations } from './annotations.ts';
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
  readonly defaults: Pick<
    SpecDefaults,
    'managerName' | 'seccompProfile' | 'allowedAnnotations' | 'annotations'
  >;
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

const none: readonly string[] = [];

/**
 * The spec of the process that holds a pod's shared pid namespace and reaps its orphans: a new pid namespace, the
 * pod's own others, no capability, nothing to write to.
 */
export function infraSpec(input: InfraSpecInput): RuntimeSpec {
  const { sandbox } = input;
  return {
    ociVersion,
    process: pauseProcess(input),
    root: { path: input.rootfsPath, readonly: true },
    ...(sandbox.namespaces.uts === 'new' && { hostname: sandbox.hostname }),
    mounts: [procMount, devMount],
    annotations: annotationsOfPod(input),
    linux: pauseLinux(input),
  };
}

function pauseProcess({ sandbox, host, pausePath, resources }: InfraSpecInput): ProcessSpec {
  return {
    terminal: false,
    user: pauseUser(sandbox.userNamespace),
    args: [pausePath],
    env: [],
    cwd: '/',
    capabilities: { bounding: none, effective: none, permitted: none, inheritable: none, ambient: none },
    noNewPrivileges: true,
    ...(sandbox.labels.process !== '' && { selinuxLabel: sandbox.labels.process }),
    oomScoreAdj: oomScoreAdj(resources.oomScoreAdj, host.oomScoreAdjMin),
  };
}

function pauseLinux(input: InfraSpecInput): LinuxSpec {
  const { sandbox, host, resources } = input;
  const profile = pauseSeccomp(input);
  return {
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
      ...(!sandbox.ownKernel && { cpu: pauseCpu(resources) }), // all of the pod runs there
    },
    maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list'],
    readonlyPaths: ['/proc/sys', '/proc/sysrq-trigger'],
    ...(sandbox.labels.mount !== '' && { mountLabel: sandbox.labels.mount }),
    ...(profile !== undefined && { seccomp: profile }),
  };
}

function pauseCpu({ cpusetCpus }: InfraSpecInput['resources']): CpuSpec {
  return { shares: pauseCpuShares, ...(cpusetCpus !== '' && { cpus: cpusetCpus }) };
}

/** The runtime's default for a process without a capability, whatever the pod's containers ask for. */
function pauseSeccomp({ host, defaults }: InfraSpecInput): ReturnType<typeof seccomp> {
  return seccomp(
    {
      security: { privileged: false, seccomp: { type: 'runtime-default' } },
      localhost: undefined,
      runtimeDefault: defaults.seccompProfile,
      privileged: undefined,
    },
    { capabilities: none, architecture: host.architecture, kernelVersion: host.kernelVersion },
  );
}

/** A kernel of the pod's own reads at its start how it is to be; a process that only sleeps is nobody's to change. */
function annotationsOfKernel({ sandbox, defaults }: InfraSpecInput): Readonly<Record<string, string>> {
  if (!sandbox.ownKernel) return {};
  return {
    ...defaults.annotations,
    ...passedAnnotations({ sandbox, config: { annotations: {} }, defaults }),
  };
}

/** Under the names by which CRI-O's tools know a pod's infra container. */
function annotationsOfPod(input: InfraSpecInput): Record<string, string> {
  const { sandbox, defaults, podAmounts } = input;
  return {
    ...annotationsOfKernel(input),
    'io.kubernetes.cri-o.ContainerID': sandbox.id,
    'io.kubernetes.cri-o.ContainerName': sandbox.name,
    'io.kubernetes.cri-o.ContainerType': 'sandbox',
    'io.kubernetes.cri-o.KubeName': sandbox.podName,
    'io.kubernetes.cri-o.Namespace': sandbox.podNamespace,
    'io.kubernetes.cri-o.SandboxID': sandbox.id,
    'io.kubernetes.cri-o.SandboxName': sandbox.name,
    ...podResourceAnnotations(podAmounts),
    'io.container.manager': defaults.managerName,
  };
}
