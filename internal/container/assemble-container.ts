// The steps of a container's creation, each with its undo: layer, mount, spec, bundle, monitor.

import { realpath, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { allEnded } from '../async/all-ended.ts';
import type { RegisterUndo } from '../async/rollback.ts';
import { readTimeZone } from '../documents/time-zones.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { ensureDirectory } from '../fs/directories.ts';
import { makePassable } from '../fs/passable.ts';
import type { RuntimeSpec } from '../oci/runtime-spec.ts';
import { withAccounts } from './account-entries.ts';
import type { ContainerMetadata, ContainerStatus } from './container.ts';
import type { ContainerMount } from './container-config.ts';
import { type ContainerPaths, containerPaths, metadataFile, statusFile } from './container-files.ts';
import type { ContainerParts, PodContext } from './container-parts.ts';
import { bringsTimeZone, setTimeZone } from './container-time-zone.ts';
import { rootOfPod, type Subject } from './creation-subject.ts';
import { requireLivable, withSeccompHint } from './deadly-seccomp.ts';
import { type DeclaredVolumes, prepareDeclaredVolumes } from './declared-volumes.ts';
import { creatingStatus } from './first-status.ts';
import { gatherSpecInput } from './gather-spec-input.ts';
import { mountImageVolumes } from './image-volumes.ts';
import { requireOwnKernelPlaces } from './kernel-places.ts';
import { linkLog, unlinkLog, withPodLogs } from './log-links.ts';
import { requirePropagation } from './mount-propagation.ts';
import { resolveMountSources } from './mount-sources.ts';
import { prepareMounts, releaseMounts } from './prepared-mounts.ts';
import { requireOwnProc } from './proc-mounts.ts';
import { requestedResources } from './requested-resources.ts';
import { relabelMounts } from './selinux-labels.ts';
import { buildSpec } from './spec/build-spec.ts';
import { serializeSpec } from './spec/serialize-spec.ts';
import { ownerByMappings } from './spec/user-namespace.ts';

/** Makes everything of a container; when it resolves its init waits for the start, and the status on disk says so. */
export async function assembleContainer(
  parts: ContainerParts,
  subject: Subject,
  rollback: RegisterUndo,
): Promise<ContainerStatus> {
  const { metadata } = subject;
  const { config } = metadata;
  const paths = containerPaths(parts.directories, metadata.id);
  await ensureDirectory(paths.dataDirectory); // before anything else: a daemon that dies finds by it what to undo
  await ensureDirectory(paths.bundle);
  await allEnded([writeRecords(paths, subject), mountRootfs(parts, subject, rollback)]);
  await requireOwnKernelPlaces(paths.rootfs);
  if (parts.defaults.timeZone !== '' && !bringsTimeZone(config.mounts))
    await setTimeZone(paths.rootfs, await readTimeZone(parts.defaults.timeZone), rootOfPod(subject.pod));
  const mounts = await readyMounts(parts, subject, rollback);
  const declared = await declaredVolumes(parts, subject);
  const input = await gatherSpecInput(parts, subject, { mounts, volumes: declared.binds });
  const spec = await withAccounts(parts, input, buildSpec(input));
  requireLivable(spec, subject.handler);
  await declared.giveTo(ownerByMappings(spec));
  await writeFile(paths.spec, serializeSpec(spec), { mode: 0o600 });
  const identity = await spawn(parts, subject, { spec, rollback }).catch((cause: unknown) => {
    throw withSeccompHint(cause, spec.linux.seccomp);
  });
  await releaseMounts(parts, metadata.id);
  const { uid, gid, additionalGids } = spec.process.user;
  const status: ContainerStatus = {
    ...creatingStatus(config),
    ...identity,
    state: 'created',
    user: { uid, gid, groups: [...(additionalGids ?? [])] },
    resources: requestedResources(metadata, subject.pod, subject.features),
  };
  await statusFile.write(paths.status, status);
  return status;
}

/** The mounts that the request asks for, their sources there, labelled and in the form that every runtime knows. */
async function readyMounts(
  parts: ContainerParts,
  subject: Subject,
  rollback: RegisterUndo,
): Promise<readonly ContainerMount[]> {
  const { metadata, pod, features } = subject;
  await requireOwnProc(metadata.config.mounts);
  const withVolumes = await mountImageVolumes(parts, subject, rollback);
  if (metadata.logLink !== undefined) {
    rollback('remove the link to the log', () => unlinkLog(metadata.logLink));
    await linkLog(metadata.logLink, pod, metadata);
  }
  const wanted = withPodLogs(withVolumes, features, pod.logDirectory);
  const resolved = await resolveMountSources(wanted, parts.defaults.absentMountSourcesToReject);
  await requirePropagation(resolved);
  await relabelMounts(parts, subject, resolved);
  return prepareMounts(parts, subject, resolved, rollback);
}

async function declaredVolumes(parts: ContainerParts, subject: Subject): Promise<DeclaredVolumes> {
  const { rootfs, declaredVolumes: directory } = containerPaths(parts.directories, subject.metadata.id);
  const declared = subject.imageConfig.volumes;
  const mode = parts.defaults.imageVolumes;
  const volumes = await prepareDeclaredVolumes({ mode, declared, rootfs, directory });
  if (volumes.binds.length > 0) await parts.selinux.relabel({ path: directory, label: subject.labels.mount });
  return volumes;
}

async function writeRecords(paths: ContainerPaths, { metadata, pod }: Subject): Promise<void> {
  // In this order: metadata without a status means that there was a reboot.
  await statusFile.write(paths.status, creatingStatus(metadata.config));
  await metadataFile.write(paths.metadata, metadata);
  if (metadata.logPath !== undefined) await makeLogDirectory(pod.logDirectory, metadata.logPath);
}

/**
 * The kubelet makes the pod's log directory, but not the container's below it. A link in the place of either, which a pod with the
 * host's /var/log could have put, would lead the log, or who reads it by link-logs, to any place of the host.
 */
async function makeLogDirectory(podDirectory: string, logPath: string): Promise<void> {
  const directory = dirname(logPath);
  await ensureDirectory(directory, 0o755);
  const parent = await realpath(dirname(podDirectory));
  const expected = join(parent, basename(podDirectory), relative(podDirectory, directory));
  if ((await realpath(directory)) === expected) return;
  const text = `log path "${logPath}" leads out of the sandbox's log directory by a symbolic link`;
  throw new DaemonError('failed-precondition', text);
}

async function mountRootfs(parts: ContainerParts, subject: Subject, rollback: RegisterUndo): Promise<void> {
  const { metadata } = subject;
  const { rootfs, runDirectory } = containerPaths(parts.directories, metadata.id);
  const { userNamespace } = subject.pod.facts;
  if (userNamespace !== undefined) await makePassable(runDirectory); // the runtime enters the rootfs as the pod's root
  rollback('remove layer', () => parts.layers.remove(metadata.id));
  await parts.layers.create({
    containerId: metadata.id,
    imageId: metadata.imageId,
    names: [metadata.name],
    metadata: layerMetadata(metadata, subject.pod),
    idMaps: userNamespace?.idMaps,
  });
  rollback('unmount rootfs', () => parts.layers.unmount(rootfs));
  await parts.layers.mount(metadata.id, rootfs, userNamespace?.path, subject.labels.mount);
}

async function spawn(
  parts: ContainerParts,
  subject: Subject,
  made: { readonly spec: RuntimeSpec; readonly rollback: RegisterUndo },
): Promise<Pick<ContainerStatus, 'pid' | 'startTicks' | 'monitorPid'>> {
  const { metadata, handler } = subject;
  const { config } = metadata;
  const user = ownerByMappings(made.spec);
  made.rollback('remove container from the OCI runtime', async () => {
    await parts.monitors.remove(metadata.id);
    await handler.runtime.delete(metadata.id);
    await parts.cgroups.removeLeftover(metadata.cgroupParent, metadata.id);
    await parts.monitorPlaces.remove(metadata.cgroupParent, metadata.id);
  });
  const place = await parts.monitorPlaces.make(handler.monitorCgroup, metadata.cgroupParent, metadata.id);
  return parts.monitors.create({
    containerId: metadata.id,
    name: metadata.name,
    bundle: containerPaths(parts.directories, metadata.id).bundle,
    runtimePath: handler.runtime.path,
    runtimeArgs: handler.runtime.globalArgs,
    createArgs: parts.defaults.noPivot ? ['--no-pivot'] : [],
    standIn: metadata.hasStandIn === true,
    env: handler.runtime.env,
    logPath: metadata.logPath,
    logSizeMaxBytes: parts.defaults.logSizeMaxBytes,
    terminal: config.tty,
    terminalSize: undefined,
    stdin: config.stdin,
    stdinOnce: config.stdinOnce,
    uid: user.uid,
    gid: user.gid,
    createTimeoutMs: handler.createTimeoutMs,
    ...place,
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
