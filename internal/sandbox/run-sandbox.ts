// RunPodSandbox: everything a pod needs before its first container.

import { hostname as nodeName } from 'node:os';
import { withRemains } from '../async/rollback.ts';
import { nowNanos } from '../container/clock.ts';
import { requireVisiblePids } from '../container/handler-of.ts';
import { podFeatures, shmSizeOf } from '../container/pod-features.ts';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import { equalAsJson } from '../fs/bigint-json.ts';
import { removeTree } from '../fs/directories.ts';
import { diskFull } from '../fs/disk-full.ts';
import { newId } from '../records/id.ts';
import type { Labels } from '../selinux/selinux.ts';
import { assembleSandbox } from './assemble-sandbox.ts';
import { bareStatus, Sandbox, type SandboxRecord } from './sandbox.ts';
import type { SandboxConfig } from './sandbox-config.ts';
import { sandboxPaths, statusFile } from './sandbox-files.ts';
import { bandwidthOf, claimHostPorts } from './sandbox-network.ts';
import type { SandboxParts } from './sandbox-parts.ts';
import { checkInfra } from './sandbox-readiness.ts';
import { chooseIdMaps, requireUserNamespace } from './user-namespace.ts';

export interface RunSandboxRequest {
  readonly config: SandboxConfig;
  /** Name of the runtime handler; empty for the default one. */
  readonly handler: string;
}

/**
 * Runs a sandbox and returns its id; afterwards it is `ready`. On failure nothing of it is left.
 *
 * The kubelet's retry after its own deadline joins the running work, and one that comes later finds the ready sandbox of
 * the same name, uid and attempt. The same name with another request is `already-exists`.
 */
export async function runSandbox(
  parts: SandboxParts,
  request: RunSandboxRequest,
  signal: AbortSignal,
): Promise<string> {
  const name = sandboxName(request.config);
  const existing = parts.sandboxes.byName(name);
  if (existing !== undefined) return idOfSame(parts, existing, request);
  return parts.creations.run(
    name,
    request,
    () => createLabelled(parts, newRecord(parts, name, request)),
    signal,
  );
}

async function createLabelled(parts: SandboxParts, record: SandboxRecord): Promise<string> {
  try {
    const chosenIdMaps = await chooseIdMaps(parts, record);
    const labels = await podLabels(parts, record);
    return await createSandbox(parts, { ...record, labels, ...(chosenIdMaps && { chosenIdMaps }) });
  } finally {
    parts.containers.selinux.settle(record.id); // by now its level is known by its record, or free again
    parts.automaticIds.settle(record.id); // and so are its ids
  }
}

/** Who sees the host's processes or memory has no label, as under CRI-O. */
async function podLabels(parts: SandboxParts, { id, config }: SandboxRecord): Promise<Labels> {
  const { namespaces, selinux } = config;
  if (namespaces.pid === 'node' || namespaces.ipc === 'node') return { process: '', mount: '' };
  const known = parts.sandboxes.list().flatMap(({ record }) => record.labels ?? []);
  return parts.containers.selinux.podLabels(id, selinux, known);
}

function sandboxName(config: SandboxConfig): string {
  const { name, namespace, uid, attempt } = config.metadata;
  return `k8s_${name}_${namespace}_${uid}_${attempt}`;
}

function idOfSame(parts: SandboxParts, existing: Sandbox, request: RunSandboxRequest): string {
  const { id, record, stopping } = existing;
  const isReady = existing.status.state === 'ready' && !stopping;
  const hasHandler = parts.containers.runtimes.get(request.handler).name === record.runtimeHandler;
  if (isReady && hasHandler && equalAsJson(record.config, request.config)) return id;
  const state = isReady ? 'ready with another configuration' : stopping ? 'stopping' : existing.status.state;
  const text = `sandbox name "${record.name}" is used by "${id}", which is ${state}`;
  throw new DaemonError('already-exists', `${text}; remove it first or ask with a higher attempt`);
}

function newRecord(parts: SandboxParts, name: string, request: RunSandboxRequest): SandboxRecord {
  const { config } = request;
  if (config.namespaces.pid === 'target') {
    throw new DaemonError(
      'invalid-argument',
      'pid namespace mode TARGET is for containers, not for a sandbox',
    );
  }
  const handler = parts.containers.runtimes.get(request.handler);
  requireVisiblePids(handler, config.namespaces.pid);
  bandwidthOf(config.annotations); // refused here, before there is anything to undo
  if (config.namespaces.idMaps !== undefined)
    requireUserNamespace(config.namespaces, parts.containers.abilities, handler);
  const id = newId();
  const { workloads } = parts.containers.defaults;
  const { allowedAnnotations } = handler;
  const shmSizeBytes = shmSizeOf(podFeatures(config.annotations, { allowedAnnotations, workloads }));
  return {
    id,
    name,
    config,
    createdAtNanos: nowNanos(),
    runtimeHandler: handler.name,
    runtime: handler.recorded,
    cgroupParent: parts.containers.cgroups.parentOf(config.cgroupParent),
    hostname: hostnameOf(config, id),
    ...(shmSizeBytes !== undefined && { shmSizeBytes }),
  };
}

/** The node's name on the host's network; else what the request says, or CRI-O's choice where it says nothing. */
function hostnameOf(config: SandboxConfig, sandboxId: string): string {
  if (config.namespaces.network === 'node') return nodeName();
  return config.hostname === '' ? sandboxId.slice(0, 12) : config.hostname;
}

async function createSandbox(parts: SandboxParts, record: SandboxRecord): Promise<string> {
  const { logger } = parts.containers;
  const onUndoFailed = (step: string, cause: unknown): void => {
    const fields = { sandboxId: record.id, step, error: describeError(cause) };
    logger.error(fields, 'cannot undo a step of a failed sandbox');
  };
  const remains = { forget: () => forget(parts, record), keep: () => keepForRemoval(parts, record) };
  parts.sandboxes.reserve(record.name, record.id);
  const sandbox = await withRemains(remains, onUndoFailed, async (rollback) => {
    claimHostPorts(parts, record);
    rollback('release host ports', () => parts.network.releaseHostPorts(record.id));
    const status = await assembleSandbox(parts, record, rollback);
    const created = new Sandbox(record, status);
    parts.sandboxes.add(created);
    return created;
  }).catch(async (cause: unknown) => {
    const { run, data } = parts.directories;
    throw await diskFull(cause, [run, data], `sandbox "${record.id}"`);
  });
  await checkInfra(parts, sandbox); // it may have ended before the record was there to be told
  logger.info({ sandboxId: record.id, name: record.name, ips: sandbox.status.ips }, 'sandbox is ready');
  return record.id;
}

async function forget(parts: SandboxParts, record: SandboxRecord): Promise<void> {
  const paths = sandboxPaths(parts.directories, record.id);
  await removeTree(paths.runDirectory);
  await removeTree(paths.dataDirectory);
  parts.sandboxes.release(record.name, record.id);
}

/** What could not be undone stays visible, so that the kubelet's stop and remove go on with it. */
async function keepForRemoval(parts: SandboxParts, record: SandboxRecord): Promise<void> {
  const status = bareStatus('not-ready');
  parts.sandboxes.add(new Sandbox(record, status));
  await statusFile.write(sandboxPaths(parts.directories, record.id).status, status);
}
