// Attaching a pod: ADD of every plugin, the record by which it is released, and its host ports.

import { type RegisterUndo, withRollback } from '../async/rollback.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { isNamespace } from '../fs/pinned-namespace.ts';
import { addChain } from './cni.ts';
import type { NetworkConfig } from './cni-config.ts';
import { addressesOf, type CniResult } from './cni-result.ts';
import { cannotRecord, namespaceGone, refuseAborted } from './network-errors.ts';
import type { NetworkParts } from './network-parts.ts';
import type { NetworkRequest, NetworkResult } from './pod-network.ts';
import type { PodReleases } from './pod-releases.ts';

/** Attaches a pod, under its lock. On failure DEL of all plugins has run, or is owed. */
export async function attachPod(
  parts: NetworkParts,
  releases: PodReleases,
  request: NetworkRequest,
  signal: AbortSignal,
): Promise<NetworkResult> {
  refuseAborted(signal, request.sandboxId);
  const [{ network, problem }, hasNamespace] = await Promise.all([
    parts.configured.refresh(),
    isNamespace(request.netnsPath),
    refuseAttached(parts, request.sandboxId),
  ]);
  if (problem !== undefined) throw new DaemonError('unavailable', problem);
  if (!hasNamespace) throw namespaceGone(request);
  await parts.hostPorts.refuseUnserved(network, request);
  const onUndoFailed = (step: string, cause: unknown): void =>
    parts.log.warn({ sandboxId: request.sandboxId, step, err: cause }, 'undo of a failed attach failed');
  return withRollback(onUndoFailed, (rollback) =>
    new Attaching(parts, releases, network, request).run(rollback, signal),
  );
}

class Attaching {
  readonly #parts: NetworkParts;
  readonly #releases: PodReleases;
  readonly #network: NetworkConfig;
  readonly #request: NetworkRequest;
  #result: CniResult | undefined;

  constructor(parts: NetworkParts, releases: PodReleases, network: NetworkConfig, request: NetworkRequest) {
    this.#parts = parts;
    this.#releases = releases;
    this.#network = network;
    this.#request = request;
  }

  async run(rollback: RegisterUndo, signal: AbortSignal): Promise<NetworkResult> {
    const { hostPorts, metrics } = this.#parts;
    const startMs = performance.now();
    const cniResult = await this.#add(rollback, signal);
    const pluginsMs = performance.now() - startMs;
    const ips = podAddresses(this.#network, cniResult);
    await this.#record('finish', this.#parts.records.finish(this.#request.sandboxId, cniResult));
    rollback('remove host ports', () => hostPorts.remove(this.#request.sandboxId));
    await hostPorts.install(this.#network, this.#request, cniResult);
    metrics.attached(pluginsMs / 1000, (performance.now() - startMs) / 1000);
    return { ips, networkName: this.#network.name, cniResult };
  }

  async #add(rollback: RegisterUndo, signal: AbortSignal): Promise<CniResult> {
    const { records, plugins, gate, addTimeoutMs } = this.#parts;
    const [network, request] = [this.#network, this.#request];
    await gate.begin(() => this.#record('begin', records.begin(network, request)));
    // bounded by its own time limit, not by the caller's signal
    rollback('delete network', () => this.#releases.undo({ network, request, result: this.#result }));
    const onResult = (latest: CniResult): void => {
      this.#result = latest;
    };
    const attachment = { network, request, netnsPath: request.netnsPath };
    return addChain(plugins, attachment, { timeoutMs: addTimeoutMs, onResult }, signal);
  }

  async #record(step: 'begin' | 'finish', writing: Promise<void>): Promise<void> {
    const { sandboxId } = this.#request;
    try {
      await writing;
    } catch (cause) {
      // it may be there and only its fsync have failed
      if (step === 'begin') await this.#parts.records.remove(sandboxId).catch(() => {});
      throw cannotRecord('write', sandboxId, cause);
    }
  }
}

async function refuseAttached({ records }: NetworkParts, sandboxId: string): Promise<void> {
  const record = await records.read(sandboxId).catch((cause: unknown) => {
    throw cannotRecord('read', sandboxId, cause);
  });
  if (record === undefined) return;
  const ips = record.result === undefined ? [] : addressesOf(record.result);
  const state =
    record.result === undefined ? 'has an unfinished attach' : `is attached with ${ips.join(', ')}`;
  throw new DaemonError(
    'already-exists',
    `sandbox "${sandboxId}" ${state} to network "${record.network.name}": detach it first`,
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
