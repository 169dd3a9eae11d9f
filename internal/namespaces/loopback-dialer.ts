// Connections to what listens on a pod's own loopback addresses.

import type { Socket } from 'node:net';

export interface LoopbackDialer {
  /**
   * Connects to `port` of 127.0.0.1, and of ::1 when that fails, in the network namespace pinned at `namespacePath`;
   * undefined is the host's. Each direction of the connection ends apart. Rejects with the error of the system call (for
   * an address that does not exist there, with that of the other), or with the signal's reason; nothing is left then.
   */
  dial(namespacePath: string | undefined, port: number, signal: AbortSignal): Promise<Socket>;
  /** Ends what was kept for later calls. Connections go on. */
  close(): Promise<void>;
}
