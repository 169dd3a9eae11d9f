// Who maps a pod's host ports: a plugin of its network when one has the capability, else rules of our own.

import { isNamespace } from '../fs/pinned-namespace.ts';
import type { Logger } from '../log/logger.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import type { NetworkConfig } from './cni-config.ts';
import { type CniResult, prefixesOf } from './cni-result.ts';
import { HostPortClaims, hostPorts } from './host-port-claims.ts';
import { HostPorts } from './host-ports.ts';
import type { HostPortRequest } from './pod-network.ts';
import type { NetworkRecord } from './result-cache.ts';

export interface PodHostPortsOptions {
  /** Where the records of attached sandboxes are kept; must outlive a reboot. */
  readonly stateDirectory: string;
  /** False: host ports are mapped by plugins or not at all, for networks that see to them by themselves. */
  readonly mapsHostPorts: boolean;
}

export class PodHostPorts {
  readonly #claims = new HostPortClaims();
  /** Undefined: rules of our own are not wanted. */
  readonly #rules: HostPorts | undefined;
  readonly #log: Logger;

  constructor(options: PodHostPortsOptions, runner: CommandRunner, log: Logger) {
    this.#rules = options.mapsHostPorts ? new HostPorts(options.stateDirectory, runner, log) : undefined;
    this.#log = log;
  }

  /** After a start: the host ports of the pods with these records lead to them again, and no others of ours do. */
  async restore(records: readonly NetworkRecord[]): Promise<void> {
    const withPorts = records.filter(
      ({ request, result }) => result !== undefined && hostPorts(request).length > 0,
    );
    const pods = await Promise.all(
      withPorts.map(async ({ network, request, result }) => {
        // a pod without a namespace (there was a reboot) has no use for its ports any more
        if (result === undefined || !(await isNamespace(request.netnsPath))) return [];
        this.#reclaim(request);
        return mapsPorts(network) ? [] : [{ ...request, prefixes: prefixesOf(result) }];
      }),
    );
    await this.#rules?.restore(pods.flat());
  }

  /** Two pods of one port, which an earlier daemon has let run, go on; the kernel serves the first. */
  #reclaim(request: HostPortRequest): void {
    try {
      this.#claims.claim(request);
    } catch (cause) {
      this.#log.warn({ sandboxId: request.sandboxId, err: cause }, 'two running pods have one host port');
    }
  }

  /** See `PodNetwork.claimHostPorts`. */
  claim(request: HostPortRequest): void {
    this.#claims.claim(request);
  }

  /** Idempotent. */
  release(sandboxId: string): void {
    this.#claims.release(sandboxId);
  }

  /** Rejects with what to do when nobody can map the pod's host ports; for use before anything is made. */
  async refuseUnserved(network: NetworkConfig, request: HostPortRequest): Promise<void> {
    if (hostPorts(request).length === 0 || mapsPorts(network)) return;
    await this.#rules?.refuseWithoutTool(`pod "${request.podNamespace}/${request.podName}"`);
  }

  /** Afterwards the host ports lead to the attached pod, unless a plugin has seen to that. */
  async install(network: NetworkConfig, request: HostPortRequest, result: CniResult): Promise<void> {
    if (hostPorts(request).length === 0 || mapsPorts(network)) return;
    await this.#rules?.install({ ...request, prefixes: prefixesOf(result) });
  }

  /** Removes our rules for the pod and its claim. Idempotent. */
  async remove(sandboxId: string): Promise<void> {
    await this.#rules?.remove(sandboxId);
    this.#claims.release(sandboxId);
  }

  /** Writes our rules again, for what somebody else may have flushed. Does not reject. */
  async refresh(): Promise<void> {
    if (this.#rules?.isUsed) await this.#rules.refresh();
  }

  /** The same if somebody has flushed them; cheap when nobody has. */
  async repair(): Promise<void> {
    await this.#rules?.repair();
  }
}

/** Whether one of the network's plugins maps host ports. */
function mapsPorts(network: NetworkConfig): boolean {
  return network.plugins.some(({ capabilities }) => capabilities.has('portMappings'));
}
