import { DaemonError } from '../../errors/daemon-error.ts';
import type { NamespaceSpec, NamespaceType } from '../../oci/runtime-spec.ts';
import type { ContainerSecurity } from '../container-config.ts';
import type { NamespaceSource, PodUserNamespace, SandboxFacts } from './spec-input.ts';

export interface NamespacesInput {
  readonly security: Pick<
    ContainerSecurity,
    'pidMode' | 'networkMode' | 'ipcMode' | 'targetId' | 'privileged'
  >;
  readonly sandbox: SandboxFacts['namespaces'];
  readonly targetPidPath: string | undefined;
  readonly cgroupV2: boolean;
  /** The container's, when its pod has a kernel of its own: the name of its pid namespace there; another container joins it by that. */
  readonly guestPidName?: string | undefined;
  readonly userNamespace?: PodUserNamespace | undefined;
}

/**
 * The namespaces that the container joins or gets; one that is not listed is the host's. A cgroup namespace hides the
 * host's tree and exists usefully on cgroup v2 alone; a privileged container sees the host's.
 */
export function namespaces(input: NamespacesInput): readonly NamespaceSpec[] {
  const { security, sandbox } = input;
  return [
    ...namespaceOf('user', userSource(input.userNamespace)), // first: it owns the others
    { type: 'mount' },
    ...namespaceOf('pid', pidSource(input)),
    ...namespaceOf('network', sharedSource('network', security.networkMode, sandbox.network)),
    ...namespaceOf(
      'ipc',
      security.ipcMode === 'container' ? 'new' : sharedSource('ipc', security.ipcMode, sandbox.ipc),
    ),
    ...namespaceOf('uts', sandbox.uts),
    ...namespaceOf('cgroup', input.cgroupV2 && !security.privileged ? 'new' : 'host'),
  ];
}

/** The entry of one namespace; none for the host's. */
export function namespaceOf(type: NamespaceType, source: NamespaceSource): readonly NamespaceSpec[] {
  if (source === 'host') return [];
  return source === 'new' ? [{ type }] : [{ type, path: source.path }];
}

/** Where a process finds the pod's user namespace; `host` where it has none. */
export function userSource(userNamespace: PodUserNamespace | undefined): NamespaceSource {
  return userNamespace === undefined ? 'host' : { path: userNamespace.path };
}

function pidSource({ security, sandbox, targetPidPath, guestPidName }: NamespacesInput): NamespaceSource {
  switch (security.pidMode) {
    case 'container':
      return guestPidName === undefined ? 'new' : { path: guestPidName };
    case 'node':
      return 'host';
    case 'pod':
      if (guestPidName !== undefined) return 'host'; // which is all that the pod's own kernel has
      if (sandbox.pidPath === undefined) {
        throw new DaemonError(
          'failed-precondition',
          'the container is to join the pid namespace of its pod, which has none: ask for pid CONTAINER in the namespace options of the container, or for pid POD in those of the pod',
        );
      }
      return { path: sandbox.pidPath };
    case 'target':
      if (targetPidPath === undefined) {
        throw new DaemonError(
          'failed-precondition',
          `target container "${security.targetId}" is not running`,
        );
      }
      return { path: targetPidPath };
  }
}

function sharedSource(
  what: 'network' | 'ipc',
  mode: ContainerSecurity['ipcMode'],
  pod: NamespaceSource,
): NamespaceSource {
  if (mode === 'node') return 'host';
  if (mode === 'pod') return pod;
  throw new DaemonError(
    'invalid-argument',
    `namespace mode ${mode} is not possible for the ${what} namespace`,
  );
}

/**
 * Of a container in its pod's own kernel. gVisor's containers share a pid namespace when theirs have the same path, which
 * nobody opens.
 */
export function guestPidName(containerId: string): string {
  return `/pid/${containerId}`;
}
