// Releasing pods: DEL of every plugin by what ADD had, now or, where a plugin fails, in the background until it succeeds.

import { join } from 'node:path';
import { allEnded } from '../async/all-ended.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { isNamespace } from '../fs/pinned-namespace.ts';
import { StateFileError } from '../fs/state-file.ts';
import { delChain } from './cni.ts';
import { validateRequest } from './cni-request.ts';
import { DeferredDeletes } from './deferred-deletes.ts';
import { cannotRecord, refuseAborted } from './network-errors.ts';
import type { NetworkParts } from './network-parts.ts';
import type { DetachOutcome, NetworkRequest } from './pod-network.ts';
import type { NetworkRecord } from './result-cache.ts';

export interface PodReleasesOptions {
  /** Where the records of attached sandboxes are kept; must outlive a reboot. */
  readonly stateDirectory: string;
  /** Told when a sandbox for which nobody would call again is released at last: its namespace may go. */
  readonly onReleased: (sandboxId: string) => Promise<void>;
  /** How long after its failure a DEL is tried again; each time twice as long. Default 1 s. */
  readonly firstRetryMs?: number;
}

export class PodReleases {
  readonly #parts: NetworkParts;
  readonly #deferred: DeferredDeletes;
  readonly #onReleased: PodReleasesOptions['onReleased'];

  constructor(parts: NetworkParts, options: PodReleasesOptions) {
    this.#parts = parts;
    this.#onReleased = options.onReleased;
    this.#deferred = new DeferredDeletes(
      {
        directory: join(options.stateDirectory, 'deferred'),
        release: (sandboxId) => this.#retry(sandboxId),
        onReleased: options.onReleased,
        firstRetryMs: options.firstRetryMs ?? 1000,
        onCount: (count) => parts.metrics.deferredDeletes(count),
      },
      parts.log,
    );
  }

  /** Goes on with what earlier daemons could not release. */
  async open(): Promise<void> {
    await this.#deferred.open();
  }

  close(): void {
    this.#deferred.close();
  }

  /** Whether the sandbox is gone but for what is released in the background. */
  isDeferred(sandboxId: string): boolean {
    return this.#deferred.has(sandboxId);
  }

  /** See `PodNetwork.detach`. */
  async detach(request: NetworkRequest, signal: AbortSignal): Promise<DetachOutcome> {
    const { sandboxId } = request;
    if (this.isDeferred(sandboxId)) return 'deferred'; // without a wait for the plugin that hangs just now
    await this.#parts.locks.run(sandboxId, async () => {
      refuseAborted(signal, sandboxId);
      await this.#orDefer(sandboxId, this.#releaseAll(request, signal));
    });
    return 'released';
  }

  /** See `PodNetwork.abandon`. */
  async abandon(sandboxId: string, signal: AbortSignal): Promise<DetachOutcome> {
    try {
      return await this.detach(requestOfUnknown(sandboxId), signal);
    } catch (cause) {
      if (this.isDeferred(sandboxId)) return 'deferred';
      throw cause;
    }
  }

  /** DEL after an ADD that failed; under the sandbox's lock. One that fails too is deferred. */
  async undo(record: NetworkRecord): Promise<void> {
    await this.#orDefer(record.request.sandboxId, this.#release(record, new AbortController().signal));
  }

  /** Releases what sandboxes have left whose own files were lost: the network's record is all that is known of them. */
  async releaseOrphans(isKnown: (sandboxId: string) => boolean): Promise<void> {
    const { records, delTimeoutMs, log } = this.#parts;
    for (const sandboxId of await records.list()) {
      if (isKnown(sandboxId) || this.isDeferred(sandboxId)) continue;
      try {
        const outcome = await this.abandon(sandboxId, AbortSignal.timeout(delTimeoutMs));
        if (outcome === 'released') await this.#onReleased(sandboxId);
      } catch (err) {
        log.warn({ sandboxId, err }, 'cannot release the network of a sandbox that is gone');
      }
    }
  }

  /** Host ports and plugins beside each other: whatever becomes of DEL, the ports are free. */
  async #releaseAll(request: NetworkRequest, signal: AbortSignal): Promise<void> {
    const removing = this.#parts.hostPorts.remove(request.sandboxId);
    await allEnded([removing, this.#detachPlugins(request, signal)]);
  }

  async #orDefer(sandboxId: string, releasing: Promise<void>): Promise<void> {
    try {
      await releasing;
    } catch (cause) {
      this.#parts.metrics.deleteFailed();
      await this.#deferred.add(sandboxId, cause);
      throw cause;
    }
  }

  async #retry(sandboxId: string): Promise<void> {
    const never = new AbortController().signal;
    await this.#parts.locks.run(sandboxId, async () => {
      try {
        await this.#releaseAll(requestOfUnknown(sandboxId), never);
      } catch (cause) {
        this.#parts.metrics.deleteFailed();
        throw cause;
      }
    });
  }

  async #detachPlugins(request: NetworkRequest, signal: AbortSignal): Promise<void> {
    let record: NetworkRecord | undefined;
    try {
      record = await this.#parts.records.read(request.sandboxId);
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
    const { configured, records, log } = this.#parts;
    if (!(cause instanceof StateFileError)) throw cannotRecord('read', sandboxId, cause);
    const { network, problem } = await configured.refresh();
    if (network === undefined)
      throw new DaemonError(
        'failed-precondition',
        `network record of sandbox "${sandboxId}" is unreadable and ${problem}`,
        cause,
      );
    validateRequest(request);
    await this.#del({ network, request, result: undefined }, signal);
    const path = await records.setAside(sandboxId);
    log.warn({ sandboxId, network: network.name, path, err: cause }, 'detached without a usable record');
  }

  /** DEL, and when all plugins have released what they hold, the end of the record. */
  async #release(record: NetworkRecord, signal: AbortSignal): Promise<void> {
    await this.#del(record, signal);
    await this.#parts.records.remove(record.request.sandboxId);
  }

  async #del({ network, request, result }: NetworkRecord, signal: AbortSignal): Promise<void> {
    const { plugins, delTimeoutMs } = this.#parts;
    const netnsPath = (await isNamespace(request.netnsPath)) ? request.netnsPath : '';
    await delChain(plugins, { network, request, netnsPath }, { timeoutMs: delTimeoutMs, result }, signal);
  }
}

/** DEL runs with what the record says; this stands in where the record cannot be used. */
function requestOfUnknown(sandboxId: string): NetworkRequest {
  return {
    sandboxId,
    netnsPath: '',
    podName: 'unknown',
    podNamespace: 'unknown',
    podUid: 'unknown',
    portMappings: [],
    ingressBitsPerSecond: undefined,
    egressBitsPerSecond: undefined,
    cgroupPath: undefined,
    podAnnotations: undefined,
  };
}
