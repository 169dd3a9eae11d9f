// What attaching and releasing a pod share. All changes of one sandbox's network happen one after the other; sandboxes
// are independent.

import type { KeyedLock } from '../async/keyed-lock.ts';
import type { Logger } from '../log/logger.ts';
import type { NetworkMetrics } from '../metrics/network-metrics.ts';
import type { AttachGate } from './attach-gate.ts';
import type { PluginRunner } from './cni-plugin.ts';
import type { ConfiguredNetwork } from './configured-network.ts';
import type { PodHostPorts } from './pod-host-ports.ts';
import type { ResultCache } from './result-cache.ts';

export interface NetworkParts {
  readonly configured: ConfiguredNetwork;
  readonly records: ResultCache;
  readonly plugins: PluginRunner;
  readonly hostPorts: PodHostPorts;
  readonly metrics: NetworkMetrics;
  readonly locks: KeyedLock;
  readonly gate: AttachGate;
  readonly log: Logger;
  /** See attachments-of-others.ts. */
  readonly othersDirectory: string;
  /** For the whole chain. */
  readonly addTimeoutMs: number;
  /** For the whole chain, of every operation but ADD. */
  readonly delTimeoutMs: number;
}
