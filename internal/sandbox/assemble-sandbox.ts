// The steps by which a sandbox comes to be, each with its undo: directories, namespaces, files, network, infra container.

import { allEnded } from '../async/all-ended.ts';
import type { RegisterUndo } from '../async/rollback.ts';
import { checkSysctls, defaultSysctls } from '../container/spec/sysctls.ts';
import { ensureDirectory } from '../fs/directories.ts';
import type { PinnedNamespaces, PinRequest } from '../namespaces/namespace-pinner.ts';
import { rootOf } from '../sys/id-maps.ts';
import { needsInfra, removeInfra, runInfra } from './infra-container.ts';
import { mountShm, unmountShm, writePodFiles } from './pod-files.ts';
import { bareStatus, type SandboxRecord, type SandboxStatus } from './sandbox.ts';
import { hasOwnKernel } from './sandbox-facts.ts';
import { recordFile, type SandboxPaths, sandboxPaths, statusFile } from './sandbox-files.ts';
import { attachNetwork, detachNetwork } from './sandbox-network.ts';
import type { SandboxParts } from './sandbox-parts.ts';
import { idMapsOf, openDirectories } from './user-namespace.ts';

/** RunPodSandbox may take this long in all; the kubelet waits 4 minutes. */
const runTimeoutMs = 230_000;

const creatingStatus = bareStatus('creating');

/** Makes everything of a sandbox; when it resolves its containers can be made, and the status on disk says so. */
export async function assembleSandbox(
  parts: SandboxParts,
  record: SandboxRecord,
  rollback: RegisterUndo,
): Promise<SandboxStatus> {
  const signal = AbortSignal.timeout(runTimeoutMs);
  const paths = sandboxPaths(parts.directories, record.id);
  const wanted = namespacesToPin(parts, record);
  await ensureDirectory(paths.dataDirectory); // before anything else: a daemon that dies finds by it what to undo
  await ensureDirectory(paths.runDirectory);
  if (wanted.ipc) rollback('unmount /dev/shm', () => unmountShm(paths));
  let attached: PinnedNamespaces | undefined;
  rollback('detach network and unpin namespaces', async () => {
    // One step: a network that cannot be detached keeps its namespace, without which a later DEL would not find all.
    const outcome = attached === undefined ? 'released' : await detachNetwork(parts, record, attached);
    if (outcome === 'released') await parts.namespaces.unpin(record.id);
  });
  if (wanted.user !== undefined) await openDirectories(parts);
  const [namespaces] = await allEnded([
    parts.namespaces.pin(wanted, signal),
    writeRecords(paths, record),
    makePodFiles(parts, record),
  ]);

  const hasInfra = needsInfra(parts, record);
  if (hasInfra) rollback('remove infra container', () => removeInfra(parts, record));
  if (namespaces.network !== undefined) attached = namespaces;
  const attaching = namespaces.network === undefined ? [] : attachNetwork(parts, record, namespaces, signal);
  // The pod's own kernel takes the network as it is when it starts.
  const starting = async () => {
    if (hasOwnKernel(record)) await attaching;
    return hasInfra ? runInfra(parts, record, namespaces) : undefined;
  };
  const [ips, infra] = await allEnded([attaching, starting()]);
  const status: SandboxStatus = { ...creatingStatus, state: 'ready', ips, namespaces, infra };
  await statusFile.write(paths.status, status);
  return status;
}

/** The namespaces that are the pod's own, with what the kernel is told in them. */
function namespacesToPin({ defaults }: SandboxParts, record: SandboxRecord): PinRequest {
  const { namespaces, sysctls } = record.config;
  const isOwn = { network: namespaces.network !== 'node', ipc: namespaces.ipc !== 'node' };
  const scope = { hostNetwork: !isOwn.network, hostIpc: !isOwn.ipc };
  return {
    sandboxId: record.id,
    ...isOwn,
    uts: isOwn.network,
    user: idMapsOf(record),
    hostname: record.hostname,
    sysctls: { ...defaultSysctls(defaults.sysctls, scope), ...checkSysctls(sysctls, scope) },
  };
}

async function writeRecords(paths: SandboxPaths, record: SandboxRecord): Promise<void> {
  // In this order: metadata without a status means that there was a reboot.
  await statusFile.write(paths.status, creatingStatus);
  await recordFile.write(paths.metadata, record);
}

async function makePodFiles(parts: SandboxParts, record: SandboxRecord): Promise<void> {
  const { id, hostname, config } = record;
  const { shmSizeBytes } = parts.containers.defaults.spec;
  const paths = sandboxPaths(parts.directories, id);
  const { hostResolvConf } = parts.defaults;
  const { ipc } = config.namespaces;
  const idMaps = idMapsOf(record);
  const owner = idMaps === undefined ? undefined : rootOf(idMaps);
  await writePodFiles(paths, { hostname, dns: config.dns, hostResolvConf, owner });
  const label = record.labels?.mount ?? '';
  for (const path of [paths.resolvConf, paths.hostname])
    await parts.containers.selinux.relabel({ path, label });
  if (ipc !== 'node') await mountShm(paths, record.shmSizeBytes ?? shmSizeBytes, { owner, label });
}
