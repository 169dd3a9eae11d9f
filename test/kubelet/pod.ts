// What Kubernetes tells of a pod, as far as the tests look at it.

export interface ContainerState {
  readonly waiting?: { readonly reason: string; readonly message?: string };
  readonly running?: { readonly startedAt: string };
  readonly terminated?: {
    readonly exitCode: number;
    readonly reason: string;
    readonly message?: string;
    readonly containerID: string;
  };
}

export interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly containerID: string;
  readonly state: ContainerState;
  readonly lastState: ContainerState;
  readonly resources?: { readonly limits?: Readonly<Record<string, string>> };
}

/** Of a pod or a node. */
export interface Conditions {
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

export interface Pod extends Conditions {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: Conditions['status'] & {
    readonly phase: string;
    readonly podIP?: string;
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly ephemeralContainerStatuses?: readonly ContainerStatus[];
  };
}

export function isReady({ status }: Conditions): boolean {
  return status.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false;
}

/** Of whichever kind. */
export function container(pod: Pod, name = 'main'): ContainerStatus {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = pod.status;
  const all = [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses];
  return all.find((status) => status.name === name)!;
}

export const idOf = ({ containerID }: ContainerStatus): string => containerID.replace('cria://', '');
