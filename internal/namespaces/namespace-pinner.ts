// What the rest of the daemon sees of a pod's namespaces, which live without a process: kept by bind mounts.

import type { IdMaps } from '../sys/id-maps.ts';

export interface PinRequest {
  readonly sandboxId: string;
  readonly network: boolean;
  readonly ipc: boolean;
  readonly uts: boolean;
  /** A user namespace of the pod, which then owns its other namespaces. */
  readonly user?: IdMaps | undefined;
  /** Set in the new UTS namespace; empty leaves the host's name. */
  readonly hostname: string;
  /** Written inside the new namespaces; names with dots, validated by the caller to belong to one of them. */
  readonly sysctls: Readonly<Record<string, string>>;
}

/** Paths that `setns` accepts; undefined where the pod uses the host's namespace. */
export interface PinnedNamespaces {
  readonly network: string | undefined;
  readonly ipc: string | undefined;
  readonly uts: string | undefined;
  /** Not there in what earlier versions wrote. */
  readonly user?: string | undefined;
}

export interface NamespacePinner {
  /** Makes the namespaces, with `lo` up, and pins them. On failure none is left. */
  pin(request: PinRequest, signal: AbortSignal): Promise<PinnedNamespaces>;
  /** Removes every pin that a sandbox may have; none is success. The kernel frees a namespace after its last process. */
  unpin(sandboxId: string): Promise<void>;
}
