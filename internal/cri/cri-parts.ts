// The parts that the RPC handlers work with. cmd/cria/wire.ts makes them.

import type { ContainerParts } from '../container/container-parts.ts';
import type { Logger } from '../log/logger.ts';
import type { ObserveOperation } from '../metrics/operation-metrics.ts';
import type { SandboxParts } from '../sandbox/sandbox-parts.ts';
import type { StreamServer } from '../streaming/stream-server.ts';

export interface RuntimeInfo {
  /** Prefix of every container id in the Kubernetes API. */
  readonly runtimeName: string;
  /** Semantic version of this program. */
  readonly version: string;
  readonly pauseImage: string;
  /** Parent directory of the containers' run state, for tools that read `crictl info`. */
  readonly stateDirectory: string;
}

export interface CriParts {
  readonly sandboxes: SandboxParts;
  readonly containers: ContainerParts;
  /** Serves exec, attach and port-forward. */
  readonly streams: StreamServer;
  readonly info: RuntimeInfo;
  readonly observeOperation: ObserveOperation;
  readonly logger: Logger;
}
