// What the specs of a sandbox's containers are made of.

import type { NamespaceSource, SandboxFacts } from '../container/spec/spec-input.ts';
import type { SandboxRecord, SandboxStatus } from './sandbox.ts';
import { sandboxPaths } from './sandbox-files.ts';
import type { SandboxParts } from './sandbox-parts.ts';
import { idMapsOf } from './user-namespace.ts';

/** The facts of a sandbox whose namespaces are pinned. */
export function sandboxFacts(
  parts: SandboxParts,
  record: SandboxRecord,
  status: Pick<SandboxStatus, 'namespaces' | 'infra'>,
): SandboxFacts {
  const { config } = record;
  const { network, ipc, uts, user } = status.namespaces;
  const idMaps = idMapsOf(record);
  const paths = sandboxPaths(parts.directories, record.id);
  const ownKernel = hasOwnKernel(record);
  const sharesPid = config.namespaces.pid === 'pod' && status.infra !== undefined;
  return {
    id: record.id,
    name: record.name,
    podName: config.metadata.name,
    podNamespace: config.metadata.namespace,
    podUid: config.metadata.uid,
    hostname: record.hostname,
    runtimeHandler: record.runtimeHandler,
    annotations: config.annotations,
    namespaces: {
      network: source(network),
      ipc: source(ipc),
      uts: source(uts),
      pidPath: sharesPid ? `/proc/${status.infra.pid}/ns/pid` : undefined,
    },
    ownKernel,
    userNamespace:
      user === undefined || idMaps === undefined
        ? undefined
        : { path: user, idMaps, takesHostIds: record.chosenIdMaps !== undefined },
    labels: record.labels ?? { process: '', mount: '' },
    shmPath: config.namespaces.ipc === 'node' ? undefined : paths.shm,
    resolvConfPath: paths.resolvConf,
    hostnamePath: paths.hostname,
  };
}

function source(path: string | undefined): NamespaceSource {
  return path === undefined ? 'host' : { path };
}

/** The pod's containers run in a kernel that comes with the infra container, and goes with it. */
export function hasOwnKernel({ runtime }: SandboxRecord): boolean {
  return runtime?.features.kernelPerPod ?? false;
}
