import type { ContainerMetadata, ContainerMount, LinuxResources } from '../../container/container-config.ts';
import type { Container } from '../gen/runtime/v1/Container.ts';
import type { ContainerState__Output } from '../gen/runtime/v1/ContainerState.ts';
import type { ContainerStatus } from '../gen/runtime/v1/ContainerStatus.ts';
import type { Mount } from '../gen/runtime/v1/Mount.ts';
import type { MountPropagation__Output } from '../gen/runtime/v1/MountPropagation.ts';
import { mountIdMapsToMessage } from './id-mappings.ts';
import { resourcesToMessage } from './resources.ts';
import { stopSignalToMessage } from './stop-signal.ts';

export type ContainerState = 'created' | 'running' | 'exited' | 'unknown';

const stateValues = {
  created: 'CONTAINER_CREATED',
  running: 'CONTAINER_RUNNING',
  exited: 'CONTAINER_EXITED',
  unknown: 'CONTAINER_UNKNOWN',
} as const satisfies Record<ContainerState, ContainerState__Output>;

/** The CRI's names and our states. */
export const containerStates: Readonly<Record<string, ContainerState>> = {
  CONTAINER_CREATED: 'created',
  CONTAINER_RUNNING: 'running',
  CONTAINER_EXITED: 'exited',
  CONTAINER_UNKNOWN: 'unknown',
};

/** What the list says of a container. */
export interface ContainerListView {
  readonly id: string;
  readonly sandboxId: string;
  readonly metadata: ContainerMetadata;
  readonly state: ContainerState;
  readonly createdAtNanos: bigint;
  /** What the request named, and what the person wrote where the kubelet says so. */
  readonly image: string;
  readonly userSpecifiedImage: string;
  /** The same as Image.id: the kubelet's image GC compares them. */
  readonly imageId: string;
  /** A repo digest; empty where the image has none. */
  readonly imageRef: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What the status says of a container. */
export interface ContainerStatusView extends ContainerListView {
  /** 0 until it was started. */
  readonly startedAtNanos: bigint;
  /** 0 until it has ended; must not move afterwards, for the kubelet's back-off counts from it. */
  readonly finishedAtNanos: bigint;
  readonly exitCode: number;
  /** Empty lets the exit code say it: `Completed` or `Error`. */
  readonly reason: string;
  readonly message: string;
  readonly mounts: readonly ContainerMount[];
  /** Of the images that volumes are made of, by the index of the mount. */
  readonly volumeImageRefs: ReadonlyMap<number, string>;
  /** Absolute. */
  readonly logPath: string;
  /** What is in force now. */
  readonly resources: LinuxResources;
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] };
  /** The signal that stop will send, such as `SIGTERM`. */
  readonly stopSignal: string;
}

/** An item of ListContainers. `image_ref` is never empty: the kubelet drops such a container. */
export function containerItem(view: ContainerListView): Container {
  const { image, imageRef } = imageFields(view);
  return {
    id: view.id,
    podSandboxId: view.sandboxId,
    metadata: { ...view.metadata },
    image,
    imageRef,
    imageId: view.imageId,
    state: stateValues[view.state],
    createdAt: view.createdAtNanos.toString(),
    labels: { ...view.labels },
    annotations: { ...view.annotations },
  };
}

/** The status of a container, with all the fields that the kubelet's client insists on. */
export function containerStatus(view: ContainerStatusView): ContainerStatus {
  const { podSandboxId: _, ...item } = containerItem(view);
  const hasEnded = view.state === 'exited';
  return {
    ...item,
    startedAt: view.state === 'created' ? '0' : view.startedAtNanos.toString(),
    finishedAt: hasEnded ? view.finishedAtNanos.toString() : '0',
    exitCode: hasEnded ? view.exitCode : 0,
    reason: view.reason === '' && hasEnded ? (view.exitCode === 0 ? 'Completed' : 'Error') : view.reason,
    message: view.message,
    mounts: view.mounts.map((mount, index) => mountMessage(mount, view.volumeImageRefs.get(index))),
    logPath: view.logPath,
    resources: { linux: resourcesToMessage(view.resources) },
    user: {
      linux: {
        uid: view.user.uid.toString(),
        gid: view.user.gid.toString(),
        supplementalGroups: view.user.additionalGids.map(String),
      },
    },
    stopSignal: stopSignalToMessage(view.stopSignal),
  };
}

function imageFields(view: ContainerListView): Required<Pick<Container, 'image' | 'imageRef'>> {
  const image = view.userSpecifiedImage || view.image;
  return {
    image: { image, userSpecifiedImage: view.userSpecifiedImage },
    imageRef: view.imageRef || view.imageId,
  };
}

const propagationValues = {
  private: 'PROPAGATION_PRIVATE',
  'host-to-container': 'PROPAGATION_HOST_TO_CONTAINER',
  bidirectional: 'PROPAGATION_BIDIRECTIONAL',
} as const satisfies Record<ContainerMount['propagation'], MountPropagation__Output>;

/** The echo of a request's mount: the kubelet finds the termination log by `container_path`. */
function mountMessage(mount: ContainerMount, imageRef = ''): Mount {
  return {
    containerPath: mount.containerPath,
    hostPath: mount.hostPath,
    readonly: mount.readonly,
    recursiveReadOnly: mount.recursiveReadOnly,
    selinuxRelabel: mount.selinuxRelabel,
    propagation: propagationValues[mount.propagation],
    image: mount.image === '' ? null : { image: mount.image, imageRef },
    imageSubPath: mount.imageSubPath,
    ...mountIdMapsToMessage(mount.idMaps),
  };
}
