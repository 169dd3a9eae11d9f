// PodNetwork by CNI plugins.

import { KeyedLock } from '../async/keyed-lock.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { isNamespace } from '../fs/pinned-namespace.ts';
import type { Logger } from '../log/logger.ts';
import type { NetworkMetrics } from '../metrics/network-metrics.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { AttachGate } from './attach-gate.ts';
import { attachPod } from './attach-pod.ts';
import { libcniResults } from './attachments-of-others.ts';
import { checkChain } from './cni.ts';
import { PluginRunner } from './cni-plugin.ts';
import { isPlainName, validateRequest } from './cni-request.ts';
import { ConfiguredNetwork, type ConfiguredNetworkOptions } from './configured-network.ts';
import { cannotRecord, namespaceGone, refuseAborted } from './network-errors.ts';
import type { NetworkParts } from './network-parts.ts';
import { keepUp } from './network-upkeep.ts';
import { PluginStatus } from './plugin-status.ts';
import { PodHostPorts, type PodHostPortsOptions } from './pod-host-ports.ts';
import type {
  DetachOutcome,
  HostPortRequest,
  NetworkReadiness,
  NetworkRequest,
  NetworkResult,
  PodNetwork,
} from './pod-network.ts';
import { PodReleases, type PodReleasesOptions } from './pod-releases.ts';
import { ResultCache } from './result-cache.ts';

export interface CniPodNetworkOptions
  extends ConfiguredNetworkOptions,
    PodHostPortsOptions,
    PodReleasesOptions {
  readonly metrics: NetworkMetrics;
  /** `cni_status_grace_period`. */
  readonly statusGraceMs: number;
  /** Where other runtimes note their attachments; default is libcni's. */
  readonly othersDirectory?: string;
  /** For the whole chain. */
  readonly addTimeoutMs: number;
  /** For the whole chain, of every operation but ADD. */
  readonly delTimeoutMs: number;
}

export class CniPodNetwork implements PodNetwork {
  readonly #parts: NetworkParts;
  readonly #releases: PodReleases;

  private constructor(options: CniPodNetworkOptions, runner: CommandRunner, log: Logger) {
    const plugins = new PluginRunner(runner, options.pluginDirectories);
    const status = new PluginStatus(plugins, { graceMs: options.statusGraceMs, timeoutMs: 10_000 });
    this.#parts = {
      configured: new ConfiguredNetwork(options, status, log),
      records: new ResultCache(options.stateDirectory),
      plugins,
      hostPorts: new PodHostPorts(options, runner, log),
      metrics: options.metrics,
      locks: new KeyedLock(),
      gate: new AttachGate(),
      log,
      othersDirectory: options.othersDirectory ?? libcniResults,
      addTimeoutMs: options.addTimeoutMs,
      delTimeoutMs: options.delTimeoutMs,
    };
    this.#releases = new PodReleases(this.#parts, options);
  }

  /**
   * Makes the state directory and reads the configuration once, so that `readiness` says the truth from the start. The
   * host ports of attached pods lead to them again, and no others.
   */
  static async open(
    options: CniPodNetworkOptions,
    runner: CommandRunner,
    log: Logger,
  ): Promise<CniPodNetwork> {
    const network = new CniPodNetwork(options, runner, log);
    const { records, configured } = network.#parts;
    await records.prepare();
    await Promise.all([configured.refresh(), network.#openReleases()]);
    return network;
  }

  async #openReleases(): Promise<void> {
    const { records, hostPorts } = this.#parts;
    await this.#releases.open();
    const attached = await records.readAll();
    await hostPorts.restore(attached.filter(({ request }) => !this.#releases.isDeferred(request.sandboxId)));
  }

  claimHostPorts(request: HostPortRequest): void {
    this.#parts.hostPorts.claim(request);
  }

  releaseHostPorts(sandboxId: string): void {
    this.#parts.hostPorts.release(sandboxId);
  }

  async attach(request: NetworkRequest, signal: AbortSignal): Promise<NetworkResult> {
    validateRequest(request);
    return this.#parts.locks.run(request.sandboxId, () =>
      attachPod(this.#parts, this.#releases, request, signal),
    );
  }

  async detach(request: NetworkRequest, signal: AbortSignal): Promise<DetachOutcome> {
    if (!isPlainName(request.sandboxId)) return 'released'; // attach refuses it
    return this.#releases.detach(request, signal);
  }

  async abandon(sandboxId: string, signal: AbortSignal): Promise<DetachOutcome> {
    return this.#releases.abandon(sandboxId, signal);
  }

  async check(request: NetworkRequest, signal: AbortSignal): Promise<void> {
    const { sandboxId } = request;
    const { locks, records, plugins, delTimeoutMs } = this.#parts;
    validateRequest(request);
    await locks.run(sandboxId, async () => {
      refuseAborted(signal, sandboxId);
      const record = await records.read(sandboxId).catch((cause: unknown) => {
        throw cannotRecord('read', sandboxId, cause);
      });
      if (record?.result === undefined)
        throw new DaemonError('failed-precondition', `sandbox "${sandboxId}" is not attached to a network`);
      const { netnsPath } = record.request;
      if (!(await isNamespace(netnsPath))) throw namespaceGone(record.request);
      const options = { timeoutMs: delTimeoutMs, result: record.result };
      await checkChain(plugins, { ...record, netnsPath }, options, signal);
    });
  }

  readiness(): NetworkReadiness {
    return this.#parts.configured.readiness;
  }

  maintain(isKnown: (sandboxId: string) => boolean, signal: AbortSignal): void {
    signal.throwIfAborted();
    this.#parts.configured.watch(signal);
    signal.addEventListener('abort', () => this.#releases.close(), { once: true });
    keepUp(this.#parts, this.#releases, isKnown, signal);
  }
}
