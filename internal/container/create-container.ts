// CreateContainer: a rootfs from the image, a spec from the request, and a monitor that runs the OCI runtime's `create`.

import { writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { type RegisterUndo, withRollback } from '../async/rollback.ts';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import { equalAsJson } from '../fs/bigint-json.ts';
import { ensureDirectory, removeTree } from '../fs/directories.ts';
import type { Image, ImageConfig } from '../image/images.ts';
import type { RuntimeSpec } from '../oci/runtime-spec.ts';
import { newId } from '../records/id.ts';
import { nowNanos } from './clock.ts';
import { Container, type ContainerMetadata, type ContainerStatus } from './container.ts';
import type { ContainerConfig } from './container-config.ts';
import { containerPaths, metadataFile, statusFile } from './container-files.ts';
import type { ContainerParts, PodContext } from './container-parts.ts';
import { gatherSpecInput, type Subject } from './gather-spec-input.ts';
import { buildSpec } from './spec/build-spec.ts';
import { serializeSpec } from './spec/serialize-spec.ts';
import { stopSignalName } from './stop-signal.ts';

/**
 * Creates a container in a ready sandbox and returns its id; afterwards its init waits for the start. On failure nothing of
 * it is left.
 *
 * The kubelet's retry after its own deadline joins the running work, and one that comes later finds the created container
 * of the same name and attempt. The same name with another request is `already-exists`.
 */
export async function createContainer(
  parts: ContainerParts,
  pod: PodContext,
  config: ContainerConfig,
  signal: AbortSignal,
): Promise<string> {
  const name = containerName(pod, config);
  const existing = parts.containers.byName(name);
  if (existing !== undefined) return idOfSame(existing, config);
  return parts.creations.run(name, config, () => create(parts, pod, { name, config }), signal);
}

function containerName(pod: PodContext, config: ContainerConfig): string {
  const { podName, podNamespace, podUid } = pod.facts;
  return `k8s_${config.metadata.name}_${podName}_${podNamespace}_${podUid}_${config.metadata.attempt}`;
}

function idOfSame(existing: Container, config: ContainerConfig): string {
  const { id, name, metadata, status } = existing;
  if (status.state === 'created' && equalAsJson(metadata.config, config)) return id;
  const text = `container name "${name}" is used by "${id}", which is ${status.state}`;
  throw new DaemonError('already-exists', `${text}; remove it first or ask with a higher attempt`);
}

async function create(
  parts: ContainerParts,
  pod: PodContext,
  request: { readonly name: string; readonly config: ContainerConfig },
): Promise<string> {
  const image = await findImage(parts, request.config);
  const imageConfig = await parts.images.config(image.id);
  const handler = parts.runtimes.get(pod.facts.runtimeHandler);
  const metadata = newMetadata(pod, { ...request, image, imageConfig });
  const subject: Subject = { metadata, pod, image, imageConfig, handler };
  const onUndoFailed = (step: string, cause: unknown): void => {
    const fields = { containerId: metadata.id, step, error: describeError(cause) };
    parts.logger.error(fields, 'cannot undo a step of a failed container');
  };
  await withRollback(onUndoFailed, async (rollback) => {
    parts.containers.reserve(metadata.name, metadata.id);
    rollback('release name', () => parts.containers.release(metadata.name, metadata.id));
    const status = await setUp(parts, subject, rollback);
    pod.requireAlive();
    parts.containers.add(new Container(metadata, status));
  });
  parts.logger.info({ containerId: metadata.id, name: metadata.name }, 'created container');
  return metadata.id;
}

async function findImage(parts: ContainerParts, config: ContainerConfig): Promise<Image> {
  const known = parts.images.find(config.image);
  if (known !== undefined) return known;
  await parts.images.refresh(); // another tool may have stored it a moment ago
  const image = parts.images.find(config.image);
  if (image !== undefined) return image;
  throw new DaemonError('not-found', `image "${config.image}" is not in the store; pull it first`);
}

function newMetadata(
  pod: PodContext,
  subject: {
    readonly name: string;
    readonly config: ContainerConfig;
    readonly image: Image;
    readonly imageConfig: ImageConfig;
  },
): ContainerMetadata {
  const { name, config, image, imageConfig } = subject;
  if (config.security.privileged && !pod.privileged) {
    throw new DaemonError(
      'invalid-argument',
      `container "${config.metadata.name}" is privileged, but its sandbox is not`,
    );
  }
  return {
    id: newId(),
    name,
    sandboxId: pod.facts.id,
    config,
    createdAtNanos: nowNanos(),
    runtimeHandler: pod.facts.runtimeHandler,
    cgroupParent: pod.cgroupParent,
    imageId: image.id,
    imageRef: image.repoDigests[0] ?? '',
    logPath: logPath(pod.logDirectory, config.logPath),
    stopSignal: stopSignalName(config.stopSignal || imageConfig.stopSignal),
    ownPidNamespace: config.security.pidMode === 'container',
  };
}

/** The log path stays below the sandbox's log directory; undefined when the request names none. */
function logPath(directory: string, path: string): string | undefined {
  if (path === '') return undefined;
  const clean = normalize(path);
  if (directory === '' || !isAbsolute(directory) || isAbsolute(clean) || clean.split('/').includes('..')) {
    const text = `log path "${path}" is not a path below the sandbox's log directory "${directory}"`;
    throw new DaemonError('invalid-argument', text);
  }
  return join(directory, clean);
}

async function setUp(
  parts: ContainerParts,
  subject: Subject,
  rollback: RegisterUndo,
): Promise<ContainerStatus> {
  const { metadata } = subject;
  const { config } = metadata;
  const paths = containerPaths(parts.directories, metadata.id);
  rollback('remove directories', async () => {
    await removeTree(paths.runDirectory);
    await removeTree(paths.dataDirectory);
  });
  await ensureDirectory(paths.dataDirectory);
  await ensureDirectory(paths.bundle);
  await metadataFile.write(paths.metadata, metadata);
  await statusFile.write(paths.status, creatingStatus(config));
  // The kubelet makes the pod's log directory, but not the container's below it.
  if (metadata.logPath !== undefined) await ensureDirectory(dirname(metadata.logPath), 0o755);

  rollback('remove layer', () => parts.layers.remove(metadata.id));
  await parts.layers.create({
    containerId: metadata.id,
    imageId: metadata.imageId,
    names: [metadata.name],
    metadata: layerMetadata(metadata, subject.pod),
  });
  rollback('unmount rootfs', () => parts.layers.unmount(paths.rootfs));
  await parts.layers.mount(metadata.id, paths.rootfs);

  const spec = buildSpec(await gatherSpecInput(parts, subject));
  await writeFile(paths.spec, serializeSpec(spec), { mode: 0o600 });
  const identity = await spawn(parts, subject, { spec, rollback });
  const { uid, gid, additionalGids } = spec.process.user;
  const user = { uid, gid, groups: [...(additionalGids ?? [])] };
  const status: ContainerStatus = { ...creatingStatus(config), ...identity, state: 'created', user };
  await statusFile.write(paths.status, status);
  return status;
}

async function spawn(
  parts: ContainerParts,
  subject: Subject,
  made: { readonly spec: RuntimeSpec; readonly rollback: RegisterUndo },
): Promise<Pick<ContainerStatus, 'pid' | 'startTicks' | 'monitorPid'>> {
  const { metadata, handler } = subject;
  const { config } = metadata;
  const { user } = made.spec.process;
  made.rollback('remove container from the OCI runtime', async () => {
    await handler.runtime.delete(metadata.id);
    await parts.monitors.remove(metadata.id);
    await parts.cgroups.removeLeftover(metadata.cgroupParent, metadata.id);
  });
  return parts.monitors.create({
    containerId: metadata.id,
    bundle: containerPaths(parts.directories, metadata.id).bundle,
    runtimePath: handler.runtime.path,
    runtimeArgs: handler.runtime.globalArgs,
    createArgs: parts.defaults.noPivot ? ['--no-pivot'] : [],
    env: handler.runtime.env,
    logPath: metadata.logPath,
    logSizeMaxBytes: parts.defaults.logSizeMaxBytes,
    terminal: config.tty,
    stdin: config.stdin,
    stdinOnce: config.stdinOnce,
    uid: user.uid,
    gid: user.gid,
    createTimeoutMs: handler.createTimeoutMs,
    cgroupDirs: [],
  });
}

/** Tells podman and other tools on the store whose container this is. */
function layerMetadata(metadata: ContainerMetadata, pod: PodContext): Record<string, unknown> {
  return {
    'container-manager': 'cria',
    'container-name': metadata.config.metadata.name,
    'pod-id': metadata.sandboxId,
    'pod-name': pod.facts.podName,
    'pod-namespace': pod.facts.podNamespace,
    'image-id': metadata.imageId,
    'created-at': new Date(Number(metadata.createdAtNanos / 1_000_000n)).toISOString(),
  };
}

function creatingStatus(config: ContainerConfig): ContainerStatus {
  return {
    state: 'creating',
    pid: 0,
    startTicks: '',
    monitorPid: 0,
    startedAtNanos: 0n,
    finishedAtNanos: 0n,
    exitCode: 0,
    reason: '',
    message: '',
    user: { uid: 0, gid: 0, groups: [] },
    resources: config.resources,
  };
}
