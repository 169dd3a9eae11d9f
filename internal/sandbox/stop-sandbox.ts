// StopPodSandbox: ends the containers and takes the pod out of the kernel and the network; the record stays.

import { allEnded } from '../async/all-ended.ts';
import { stopContainer } from '../container/stop-container.ts';
import { needsInfra, removeInfra } from './infra-container.ts';
import { unmountShm } from './pod-files.ts';
import { dropConnections } from './port-forward.ts';
import { recordSandboxStatus } from './record-sandbox-status.ts';
import type { Sandbox } from './sandbox.ts';
import { sandboxPaths } from './sandbox-files.ts';
import { detachNetwork } from './sandbox-network.ts';
import type { SandboxParts } from './sandbox-parts.ts';

/** The containers of a sandbox are ended at once (CRI: "forcibly terminated"); the kubelet has stopped them before. */
const graceSeconds = 0;

/**
 * Stops a sandbox: afterwards it is `not-ready`, its containers have ended, and it has no process, namespace, mount or
 * network. Unknown or stopped before is success. When a step fails the next call goes on with it; only the network is not
 * waited for twice: what it could not release at the first call it releases in the background.
 */
export async function stopSandbox(
  parts: SandboxParts,
  idOrPrefix: string,
  signal: AbortSignal,
): Promise<void> {
  const sandbox = parts.sandboxes.find(idOrPrefix);
  if (sandbox === undefined) return;
  await parts.stops.run(sandbox.id, () => tearDown(parts, sandbox), signal);
}

async function tearDown(parts: SandboxParts, sandbox: Sandbox): Promise<void> {
  if (sandbox.status.tornDown) return;
  sandbox.stopping = true;
  dropConnections(sandbox);
  await endContainers(parts, sandbox);
  const { record } = sandbox;
  const { namespaces } = sandbox.status;
  const hasNetwork = record.config.namespaces.network !== 'node';
  await recordSandboxStatus(parts, sandbox, { state: 'not-ready' });
  const [, outcome] = await allEnded([
    // Also one that a daemon with another drop_infra_ctr has started.
    needsInfra(parts, record) || sandbox.status.infra !== undefined ? removeInfra(parts, record) : undefined,
    hasNetwork ? detachNetwork(parts, record, namespaces) : undefined,
    unmountShm(sandboxPaths(parts.directories, record.id)),
  ]);
  if (outcome !== 'deferred') await parts.namespaces.unpin(record.id);
  await recordSandboxStatus(parts, sandbox, { tornDown: true });
  parts.containers.logger.info({ sandboxId: record.id }, 'stopped sandbox');
}

async function endContainers(parts: SandboxParts, sandbox: Sandbox): Promise<void> {
  // A creation that runs now sees `stopping` at its end and undoes itself.
  await Promise.allSettled([...sandbox.creations]);
  const own = parts.containers.containers.ofSandbox(sandbox.id);
  const never = new AbortController().signal;
  await allEnded(own.map((container) => stopContainer(parts.containers, container.id, graceSeconds, never)));
}
