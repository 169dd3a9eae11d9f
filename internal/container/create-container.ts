// CreateContainer: a rootfs from the image, a spec from the request, and a monitor that runs the OCI runtime's `create`.

import { isAbsolute, join, normalize } from 'node:path';
import { withRemains } from '../async/rollback.ts';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import { equalAsJson } from '../fs/bigint-json.ts';
import { removeTree } from '../fs/directories.ts';
import { diskFull } from '../fs/disk-full.ts';
import type { RuntimeHandler } from '../oci/oci-runtime.ts';
import { newId } from '../records/id.ts';
import type { TuningWishes } from '../tuning/tuning.ts';
import { type AdmittedImages, admittedImages } from './admitted-images.ts';
import { assembleContainer } from './assemble-container.ts';
import { nowNanos } from './clock.ts';
import { Container, type ContainerMetadata } from './container.ts';
import type { ContainerConfig } from './container-config.ts';
import { catchUpExit } from './container-exits.ts';
import { containerPaths, statusFile } from './container-files.ts';
import type { ContainerParts, PodContext } from './container-parts.ts';
import type { Subject } from './creation-subject.ts';
import { failedCreation } from './first-status.ts';
import { requireVisiblePids } from './handler-of.ts';
import { logLink } from './log-links.ts';
import { hasNoQuota, type PodFeatures, podFeatures } from './pod-features.ts';
import { containerLabels } from './selinux-labels.ts';
import { stopSignalName } from './stop-signal.ts';
import { tuningOf } from './tuned-containers.ts';

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
  if (existing !== undefined) return idOfSame(existing, pod, config);
  const request = { sandboxId: pod.facts.id, config };
  return parts.creations.run(
    name,
    request,
    () => pod.whileCreating(() => create(parts, pod, { name, config })),
    signal,
  );
}

function containerName(pod: PodContext, config: ContainerConfig): string {
  const { podName, podNamespace, podUid } = pod.facts;
  return `k8s_${config.metadata.name}_${podName}_${podNamespace}_${podUid}_${config.metadata.attempt}`;
}

function idOfSame(existing: Container, pod: PodContext, config: ContainerConfig): string {
  const { id, name, metadata, status } = existing;
  const isSame = metadata.sandboxId === pod.facts.id && equalAsJson(metadata.config, config);
  if (status.state === 'created' && !existing.removing && isSame) return id;
  const text = `container name "${name}" is used by "${id}", which is ${status.state}`;
  throw new DaemonError('already-exists', `${text}; remove it first or ask with a higher attempt`);
}

/** What is to be created; nothing is made yet. */
async function subjectOf(
  parts: ContainerParts,
  pod: PodContext,
  request: { readonly name: string; readonly config: ContainerConfig },
): Promise<Subject> {
  const { config } = request;
  const images = await admittedImages(parts, pod.facts.podNamespace, config);
  const { image, imageConfig } = images;
  const platform = `${imageConfig.os}/${imageConfig.architecture}`;
  const handler = parts.runtimes.get(pod.facts.runtimeHandler, platform);
  requireVisiblePids(handler, config.security.pidMode);
  const { allowedAnnotations } = handler;
  const { workloads, sharedCpus } = parts.defaults;
  const features = podFeatures(pod.facts.annotations, { allowedAnnotations, workloads });
  const tuning = tuningOf(pod, { features, sharedCpus }, config);
  const metadata = newMetadata(pod, { ...request, ...images, handler, features, tuning });
  const labels = await containerLabels(parts, pod.facts, config.security);
  return { metadata, pod, image, imageConfig, handler, features, labels };
}

async function create(
  parts: ContainerParts,
  pod: PodContext,
  request: { readonly name: string; readonly config: ContainerConfig },
): Promise<string> {
  const subject = await subjectOf(parts, pod, request);
  const { metadata } = subject;
  const onUndoFailed = (step: string, cause: unknown): void => {
    const fields = { containerId: metadata.id, step, error: describeError(cause) };
    parts.logger.error(fields, 'cannot undo a step of a failed container');
  };
  const remains = { forget: () => forget(parts, metadata), keep: () => keepForRemoval(parts, metadata) };
  parts.containers.reserve(metadata.name, metadata.id);
  const container = await withRemains(remains, onUndoFailed, async (rollback) => {
    const status = await assembleContainer(parts, subject, rollback);
    pod.requireAlive();
    const created = new Container(metadata, status);
    parts.containers.add(created);
    return created;
  }).catch(async (cause: unknown) => {
    const { run, data } = parts.directories;
    throw await diskFull(cause, [run, data], `container "${metadata.id}"`);
  });
  await catchUpExit(parts, container);
  parts.logger.info({ containerId: metadata.id, name: metadata.name }, 'created container');
  return metadata.id;
}

async function forget(parts: ContainerParts, metadata: ContainerMetadata): Promise<void> {
  const paths = containerPaths(parts.directories, metadata.id);
  await removeTree(paths.runDirectory);
  await removeTree(paths.dataDirectory);
  parts.containers.release(metadata.name, metadata.id);
}

/** What could not be undone stays visible as a container that has ended, so that the kubelet's remove goes on with it. */
async function keepForRemoval(parts: ContainerParts, metadata: ContainerMetadata): Promise<void> {
  const status = failedCreation(metadata.config);
  parts.containers.add(new Container(metadata, status));
  await statusFile.write(containerPaths(parts.directories, metadata.id).status, status);
}

function newMetadata(
  pod: PodContext,
  subject: AdmittedImages & {
    readonly name: string;
    readonly config: ContainerConfig;
    readonly handler: RuntimeHandler;
    readonly features: PodFeatures;
    readonly tuning: TuningWishes | undefined;
  },
): ContainerMetadata {
  const { name, config, image, imageConfig, imageVolumes, handler, features, tuning } = subject;
  if (config.security.privileged && !pod.privileged) {
    throw new DaemonError(
      'invalid-argument',
      `container "${config.metadata.name}" is privileged, but its sandbox is not`,
    );
  }
  const id = newId();
  const path = logPath(pod.logDirectory, config.logPath);
  const link = logLink(pod, features, { id, logPath: path });
  return {
    id,
    name,
    sandboxId: pod.facts.id,
    config,
    createdAtNanos: nowNanos(),
    runtimeHandler: pod.facts.runtimeHandler,
    runtime: handler.recorded,
    cgroupParent: pod.cgroupParent,
    imageId: image.id,
    imageVolumes,
    imageRef: image.repoDigests[0] ?? '',
    logPath: path,
    ...(link !== undefined && { logLink: link }),
    ...(hasNoQuota(features, config.metadata.name) && { noQuota: true }),
    ...(tuning !== undefined && { tuning }),
    stopSignal: stopSignalName(config.stopSignal || imageConfig.stopSignal),
    ...(pod.facts.ownKernel && { hasStandIn: true }),
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
