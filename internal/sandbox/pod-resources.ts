// What the kubelet says of the resources of a whole pod, and how it changes.

import type { LinuxResources } from '../container/container-config.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import type { PodResources, Sandbox } from './sandbox.ts';
import { podResourcesFile, sandboxPaths } from './sandbox-files.ts';
import type { SandboxParts } from './sandbox-parts.ts';

/** What holds now: the last update, part by part, over what the sandbox was asked for with. */
export function podResources({ record, updatedResources }: Sandbox): PodResources {
  const { overhead, resources } = record.config;
  return {
    overhead: updatedResources?.overhead ?? overhead,
    resources: updatedResources?.resources ?? resources,
  };
}

/**
 * UpdatePodSandboxResources: afterwards the sandbox's status shows what was named, and containers that are created later are
 * told of it; what was not named stays. No cgroup changes: the pod's is the kubelet's, which has set it before it calls
 * (KEP-1287), and a parent that we chose ourselves is shared by many pods. `failed-precondition` once a stop has begun.
 */
export async function updatePodResources(
  parts: SandboxParts,
  idOrPrefix: string,
  named: { readonly overhead: LinuxResources | undefined; readonly resources: LinuxResources | undefined },
): Promise<void> {
  const sandbox = parts.sandboxes.get(idOrPrefix);
  await parts.containers.locks.run(sandbox.id, async () => {
    requireReady(sandbox);
    const before = sandbox.updatedResources;
    const updated = {
      overhead: named.overhead ?? before?.overhead,
      resources: named.resources ?? before?.resources,
    };
    await podResourcesFile.write(sandboxPaths(parts.directories, sandbox.id).resources, updated);
    sandbox.updatedResources = updated;
  });
}

function requireReady({ id, status, stopping }: Sandbox): void {
  if (status.state === 'ready' && !stopping) return;
  const what = stopping ? 'being stopped' : status.state;
  const text = `the resources of sandbox "${id}" cannot be changed: it is ${what}, only those of a ready sandbox can`;
  throw new DaemonError('failed-precondition', text);
}
