// PodNetwork by CNI plugins. All changes of one sandbox's network happen one after the other; sandboxes are independent.

import { allEnded } from '../async/all-ended.ts';
import { KeyedLock } from '../async/keyed-lock.ts';
import { type RegisterUndo, withRollback } from '../async/rollback.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { isDiskFull } from '../errors/errno.ts';
import { StateFileError } from '../fs/state-file.ts';
import type { Logger } from '../log/logger.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { type Attachment, addChain, checkChain, delChain } from './cni.ts';
import type { NetworkConfig } from './cni-config.ts';
import { PluginRunner } from './cni-plugin.ts';
import { isPlainName, validateRequest } from './cni-request.ts';
import { addressesOf, type CniResult } from './cni-result.ts';
import { ConfiguredNetwork, type ConfiguredNetworkOptions } from './configured-network.ts';
import { isNamespace } from './network-namespace.ts';
import { PodHostPorts, type PodHostPortsOptions } from './pod-host-ports.ts';
import type {
  HostPortRequest,
  NetworkReadiness,
  NetworkRequest,
  NetworkResult,
  PodNetwork,
} from './pod-network.ts';
import { type NetworkRecord, ResultCache } from './result-cache.ts';

export interface CniPodNetworkOptions extends ConfiguredNetworkOptions, PodHostPortsOptions {
  /** For the whole chain. Default 220 s: the kubelet gives up RunPodSandbox after 4 minutes. */
  readonly addTimeoutMs?: number;
  /** For the whole chain, DEL and CHECK. Default 60 s. */
  readonly delTimeoutMs?: number;
}

export class CniPodNetwork implements PodNetwork {
  readonly #configured: ConfiguredNetwork;
  readonly #records: ResultCache;
  readonly #plugins: PluginRunner;
  readonly #hostPorts: PodHostPorts;
  readonly #addTimeoutMs: number;
  readonly #delTimeoutMs: number;
  readonly #log: Logger;
  readonly #locks = new KeyedLock();

  private constructor(options: CniPodNetworkOptions, runner: CommandRunner, log: Logger) {
    this.#configured = new ConfiguredNetwork(options, log);
    this.#records = new ResultCache(options.stateDirectory);
    this.#plugins = new PluginRunner(runner, options.pluginDirectories);
    this.#hostPorts = new PodHostPorts(options, runner, log);
    this.#addTimeoutMs = options.addTimeoutMs ?? 220_000;
    this.#delTimeoutMs = options.delTimeoutMs ?? 60_000;
    this.#log = log;
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
    await network.#records.prepare();
    await Promise.all([
      network.#configured.refresh(),
      network.#hostPorts.restore(await network.#records.readAll()),
    ]);
    return network;
  }

  claimHostPorts(request: HostPortRequest): void {
    this.#hostPorts.claim(request);
  }

  releaseHostPorts(sandboxId: string): void {
    this.#hostPorts.release(sandboxId);
  }

  async attach(request: NetworkRequest, signal: AbortSignal): Promise<NetworkResult> {
    validateRequest(request);
    return this.#locks.run(request.sandboxId, () => this.#attach(request, signal));
  }

  async #attach(request: NetworkRequest, signal: AbortSignal): Promise<NetworkResult> {
    refuseAborted(signal, request);
    const [{ network, problem }, hasNamespace] = await Promise.all([
      this.#configured.refresh(),
      isNamespace(request.netnsPath),
      this.#refuseAttached(request.sandboxId),
    ]);
    if (problem !== undefined) throw new DaemonError('unavailable', problem);
    if (!hasNamespace) throw namespaceGone(request);
    await this.#hostPorts.refuseUnserved(network, request);
    const onUndoFailed = (step: string, cause: unknown): void =>
      this.#log.warn({ sandboxId: request.sandboxId, step, err: cause }, 'undo of a failed attach failed');
    return withRollback(onUndoFailed, (rollback) => this.#add(network, request, rollback, signal));
  }

  async #add(
    network: NetworkConfig,
    request: NetworkRequest,
    rollback: RegisterUndo,
    signal: AbortSignal,
  ): Promise<NetworkResult> {
    const { sandboxId, netnsPath } = request;
    let result: CniResult | undefined;
    const onResult = (latest: CniResult): void => {
      result = latest;
    };
    await this.#records.begin(network, request).catch(async (cause) => {
      await this.#records.remove(sandboxId).catch(() => {}); // it may be there and only its fsync have failed
      throw cannotRecord('write', sandboxId, cause);
    });
    // bounded by its own time limit, not by the caller's signal; a record whose DEL failed stays for `detach`
    rollback('delete network', () =>
      this.#release({ network, request, result }, new AbortController().signal),
    );
    const options = { timeoutMs: this.#addTimeoutMs, onResult };
    const cniResult = await addChain(this.#plugins, { network, request, netnsPath }, options, signal);
    const ips = podAddresses(network, cniResult);
    await this.#records.finish(sandboxId, cniResult).catch((cause) => {
      throw cannotRecord('write', sandboxId, cause);
    });
    rollback('remove host ports', () => this.#hostPorts.remove(sandboxId));
    await this.#hostPorts.install(network, request, cniResult);
    return { ips, networkName: network.name, cniResult };
  }

  async detach(request: NetworkRequest, signal: AbortSignal): Promise<void> {
    const { sandboxId } = request;
    if (!isPlainName(sandboxId)) return; // attach refuses it
    await this.#locks.run(sandboxId, async () => {
      refuseAborted(signal, request);
      await allEnded([this.#hostPorts.remove(sandboxId), this.#detachPlugins(request, signal)]);
    });
  }

  async #detachPlugins(request: NetworkRequest, signal: AbortSignal): Promise<void> {
    let record: NetworkRecord | undefined;
    try {
      record = await this.#records.read(request.sandboxId);
    } catch (cause) {
      return this.#detachWithoutRecord(request, cause, signal);
    }
    // The record is on disk before the first plugin runs: without one nothing was attached, or all was released.
    // The kubelet stops a sandbox several times; a DEL each time would cost it 70 ms and the xtables lock.
    if (record !== undefined) await this.#release(record, signal);
  }

  /** The specification asks plugins to be lenient in DEL, so today's network and the caller's request are a fair try. */
  async #detachWithoutRecord(request: NetworkRequest, cause: unknown, signal: AbortSignal): Promise<void> {
    const { sandboxId } = request;
    if (!(cause instanceof StateFileError)) throw cannotRecord('read', sandboxId, cause);
    const { network, problem } = await this.#configured.refresh();
    if (network === undefined)
      throw new DaemonError(
        'failed-precondition',
        `network record of sandbox "${sandboxId}" is unreadable and ${problem}`,
        cause,
      );
    validateRequest(request);
    await this.#del({ network, request, result: undefined }, signal);
    const path = await this.#records.setAside(sandboxId);
    this.#log.warn(
      { sandboxId, network: network.name, path, err: cause },
      'detached without a usable record',
    );
  }

  async check(request: NetworkRequest, signal: AbortSignal): Promise<void> {
    const { sandboxId } = request;
    validateRequest(request);
    await this.#locks.run(sandboxId, async () => {
      refuseAborted(signal, request);
      const record = await this.#read(sandboxId);
      if (record?.result === undefined)
        throw new DaemonError('failed-precondition', `sandbox "${sandboxId}" is not attached to a network`);
      const { netnsPath } = record.request;
      if (!(await isNamespace(netnsPath))) throw namespaceGone(record.request);
      const options = { timeoutMs: this.#delTimeoutMs, result: record.result };
      await checkChain(this.#plugins, { ...record, netnsPath }, options, signal);
    });
  }

  readiness(): NetworkReadiness {
    return this.#configured.readiness;
  }

  watch(signal: AbortSignal): void {
    this.#configured.watch(signal);
  }

  async #refuseAttached(sandboxId: string): Promise<void> {
    const record = await this.#read(sandboxId);
    if (record === undefined) return;
    const ips = record.result === undefined ? [] : addressesOf(record.result);
    const state =
      record.result === undefined ? 'has an unfinished attach' : `is attached with ${ips.join(', ')}`;
    throw new DaemonError(
      'already-exists',
      `sandbox "${sandboxId}" ${state} to network "${record.network.name}": detach it first`,
    );
  }

  async #read(sandboxId: string): Promise<NetworkRecord | undefined> {
    try {
      return await this.#records.read(sandboxId);
    } catch (cause) {
      throw cannotRecord('read', sandboxId, cause);
    }
  }

  /** DEL, and when all plugins have released what they hold, the end of the record. */
  async #release(record: NetworkRecord, signal: AbortSignal): Promise<void> {
    await this.#del(record, signal);
    await this.#records.remove(record.request.sandboxId);
  }

  async #del({ network, request, result }: NetworkRecord, signal: AbortSignal): Promise<void> {
    const netnsPath = (await isNamespace(request.netnsPath)) ? request.netnsPath : '';
    const attachment: Attachment = { network, request, netnsPath };
    await delChain(this.#plugins, attachment, { timeoutMs: this.#delTimeoutMs, result }, signal);
  }
}

function refuseAborted(signal: AbortSignal, { sandboxId }: NetworkRequest): void {
  if (signal.aborted)
    throw new DaemonError(
      'cancelled',
      `network operation of sandbox "${sandboxId}" was cancelled`,
      signal.reason,
    );
}

function namespaceGone({ netnsPath, sandboxId }: NetworkRequest): DaemonError {
  return new DaemonError(
    'failed-precondition',
    `network namespace ${netnsPath} of sandbox "${sandboxId}" is gone`,
  );
}

function podAddresses(network: NetworkConfig, result: CniResult): string[] {
  let ips: string[];
  try {
    ips = addressesOf(result);
  } catch (cause) {
    throw new DaemonError('internal', `network "${network.name}" gave the pod a wrong address`, cause);
  }
  // the kubelet kills and remakes a sandbox without an address, again and again
  if (ips.length === 0)
    throw new DaemonError(
      'internal',
      `network "${network.name}" gave the pod no address: its chain needs IPAM`,
    );
  return ips;
}

function cannotRecord(act: 'read' | 'write', sandboxId: string, cause: unknown): DaemonError {
  const kind = isDiskFull(cause) ? 'resource-exhausted' : 'internal';
  return new DaemonError(kind, `cannot ${act} the network record of sandbox "${sandboxId}"`, cause);
}
