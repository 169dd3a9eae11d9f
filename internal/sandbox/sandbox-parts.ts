// The parts that the sandbox operations work with. cmd/cria/wire-sandboxes.ts makes them.

import type { RequestFlight } from '../async/request-flight.ts';
import type { SingleFlight } from '../async/single-flight.ts';
import type { ContainerParts } from '../container/container-parts.ts';
import type { LoopbackDialer } from '../namespaces/loopback-dialer.ts';
import type { NamespacePinner } from '../namespaces/namespace-pinner.ts';
import type { PodNetwork } from '../network/pod-network.ts';
import type { RecordStore } from '../records/record-store.ts';
import type { AutomaticIds } from './automatic-ids.ts';
import type { Sandbox } from './sandbox.ts';
import type { SandboxDirectories } from './sandbox-files.ts';
import type { MinimumMappable } from './userns-mode.ts';

/** What the configuration says about every sandbox. */
export interface SandboxDefaults {
  readonly sysctls: Readonly<Record<string, string>>;
  /** True: an infra container only where the pod shares its pid namespace. */
  readonly dropInfraContainer: boolean;
  /** CPUs of infra containers; empty for all. */
  readonly infraCpuset: string;
  /** Used for containers' logs when the kubelet names no directory. */
  readonly logDirectory: string;
  /** Root file system of the infra container: our static pause program and empty mount points. */
  readonly pauseRootfs: string;
  readonly minimumMappable: MinimumMappable;
  /** resolv.conf of the host, for pods without DNS settings. */
  readonly hostResolvConf: string;
}

export interface SandboxParts {
  readonly sandboxes: RecordStore<Sandbox>;
  readonly creations: RequestFlight<string>;
  readonly stops: SingleFlight<void>;
  readonly directories: SandboxDirectories;
  readonly automaticIds: AutomaticIds;
  readonly namespaces: NamespacePinner;
  readonly network: PodNetwork;
  readonly dialer: LoopbackDialer;
  readonly containers: ContainerParts;
  readonly defaults: SandboxDefaults;
}
