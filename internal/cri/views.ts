// Our records as the conversions to CRI messages want to see them.

import type { Container } from '../container/container.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { ContainerListView, ContainerStatusView } from './convert/container-status.ts';
import type { SandboxView } from './convert/pod-sandbox-status.ts';
import type { ContainerAttributes } from './gen/runtime/v1/ContainerAttributes.ts';
import type { PodSandboxAttributes } from './gen/runtime/v1/PodSandboxAttributes.ts';

/** A sandbox as the messages show it. */
export function sandboxView({ record, status }: Sandbox): SandboxView {
  const { config } = record;
  return {
    id: record.id,
    metadata: config.metadata,
    state: status.state === 'ready' ? 'ready' : 'not-ready',
    createdAtNanos: record.createdAtNanos,
    labels: config.labels,
    annotations: config.annotations,
    runtimeHandler: record.runtimeHandler,
    namespaces: config.namespaces,
    ips: status.ips,
  };
}

/** A container as lists show it. */
export function containerListView({ metadata, status }: Container): ContainerListView {
  const { config } = metadata;
  return {
    id: metadata.id,
    sandboxId: metadata.sandboxId,
    metadata: config.metadata,
    state: status.state === 'creating' ? 'unknown' : status.state,
    createdAtNanos: metadata.createdAtNanos,
    image: config.image,
    userSpecifiedImage: config.userSpecifiedImage,
    imageId: metadata.imageId,
    imageRef: metadata.imageRef,
    labels: config.labels,
    annotations: config.annotations,
  };
}

/** A container as its status shows it. */
export function containerStatusView(container: Container): ContainerStatusView {
  const { metadata, status } = container;
  return {
    ...containerListView(container),
    startedAtNanos: status.startedAtNanos,
    finishedAtNanos: status.finishedAtNanos,
    exitCode: status.exitCode,
    reason: status.reason,
    message: status.message,
    mounts: metadata.config.mounts,
    volumeImageRefs: new Map(metadata.imageVolumes.map(({ mountIndex, imageRef }) => [mountIndex, imageRef])),
    logPath: metadata.logPath ?? '',
    resources: status.resources,
    user: { uid: status.user.uid, gid: status.user.gid, additionalGids: status.user.groups },
    stopSignal: metadata.stopSignal,
  };
}

/** What the stats of a sandbox say about whose they are. */
export function sandboxAttributes({ record }: Sandbox): PodSandboxAttributes {
  const { metadata, labels, annotations } = record.config;
  return { id: record.id, metadata, labels, annotations };
}

/** What the stats of a container say about whose they are. */
export function containerAttributes({ metadata: { id, config } }: Container): ContainerAttributes {
  return { id, metadata: config.metadata, labels: config.labels, annotations: config.annotations };
}
