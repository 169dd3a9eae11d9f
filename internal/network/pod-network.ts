// What the rest of the daemon sees of the pod network.

export interface NetworkRequest {
  readonly sandboxId: string;
  /** Path of the pinned network namespace. */
  readonly netnsPath: string;
  readonly podName: string;
  readonly podNamespace: string;
  readonly podUid: string;
  readonly portMappings: readonly PortMapping[];
  /** Bits per second; from the kubernetes.io/{in,e}gress-bandwidth annotations. */
  readonly ingressBitsPerSecond: bigint | undefined;
  readonly egressBitsPerSecond: bigint | undefined;
  readonly cgroupPath: string | undefined;
  /** Of the pod, as the kubelet sent them; undefined where only the id of the sandbox is known. */
  readonly podAnnotations: Readonly<Record<string, string>> | undefined;
}

/** A sandbox's host ports, and how messages name its pod. */
export type HostPortRequest = Pick<NetworkRequest, 'sandboxId' | 'podName' | 'podNamespace' | 'portMappings'>;

export interface PortMapping {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly containerPort: number;
  readonly hostPort: number;
  /** Empty for all addresses. */
  readonly hostIp: string;
}

export interface NetworkResult {
  /** Primary address first; without prefix length. */
  readonly ips: readonly string[];
  /** Name of the network and its plugins' raw result, kept in the sandbox's record. */
  readonly networkName: string;
  readonly cniResult: unknown;
}

/** `deferred`: what the pod has of the network is released in the background. */
export type DetachOutcome = 'released' | 'deferred';

export type NetworkReadiness = { readonly ready: true } | { readonly ready: false; readonly message: string };

export interface PodNetwork {
  /**
   * Claims the host ports of a sandbox that is about to be made; `failed-precondition` when another one has one of them.
   * A detach ends the claim, as does `releaseHostPorts` for a sandbox that is never attached.
   */
  claimHostPorts(request: HostPortRequest): void;
  /** Idempotent. */
  releaseHostPorts(sandboxId: string): void;
  /** Runs ADD of every plugin of the network and maps host ports. On failure runs DEL for all of them before it rejects. */
  attach(request: NetworkRequest, signal: AbortSignal): Promise<NetworkResult>;
  /**
   * Runs DEL in reverse order with the configuration and result that ADD had (kept on disk), even if the namespace is
   * gone or the network's file has changed or vanished. Idempotent.
   *
   * When DEL fails, or the removal of host port rules, this rejects once, and the network goes on trying by itself: a later
   * call resolves with `deferred`, so that a broken plugin cannot keep a pod for ever. The namespace must then stay until
   * `onReleased` is told.
   */
  detach(request: NetworkRequest, signal: AbortSignal): Promise<DetachOutcome>;
  /** The same for a sandbox of which only the id is known, and nobody who would call again: it is deferred at once. */
  abandon(sandboxId: string, signal: AbortSignal): Promise<DetachOutcome>;
  /** Runs CHECK where the configuration's version has it; rejects when the pod's network is not as ADD left it. */
  check(request: NetworkRequest, signal: AbortSignal): Promise<void>;
  /** Whether a network is configured, its plugins' binaries are there, and they say that they can serve pods. */
  readiness(): NetworkReadiness;
  /**
   * Until `signal` aborts: watches the configuration directory and asks plugins how they are, tries again what could not be
   * released, releases what sandboxes have left that `isKnown` does not know, and lets plugins collect their garbage. For
   * use when all sandboxes are known.
   */
  maintain(isKnown: (sandboxId: string) => boolean, signal: AbortSignal): void;
}
