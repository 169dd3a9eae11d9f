// What the plugins of a network say of themselves: STATUS, from version 1.1 of the specification.

import { describeError, hasKind } from '../errors/daemon-error.ts';
import { hasVerb, statusChain } from './cni.ts';
import type { NetworkConfig } from './cni-config.ts';
import type { PluginRunner } from './cni-plugin.ts';

export interface PluginStatusOptions {
  /** Failures of a network that was good are tolerated for this time. */
  readonly graceMs: number;
  /** For the whole chain. */
  readonly timeoutMs: number;
}

export class PluginStatus {
  readonly #plugins: PluginRunner;
  readonly #options: PluginStatusOptions;
  #text = '';
  #wasGood = false;
  #failures = 0;
  #failingSinceMs = 0;
  #problem: string | undefined;

  constructor(plugins: PluginRunner, options: PluginStatusOptions) {
    this.#plugins = plugins;
    this.#options = options;
  }

  /** Why pods cannot have this network now by its plugins' last words; undefined also where plugins do not speak STATUS. */
  problemOf(network: NetworkConfig): string | undefined {
    if (!hasVerb(network, 'STATUS')) return undefined;
    if (this.#text === network.text) return this.#problem;
    return `network "${network.name}": its plugins have not answered STATUS yet`;
  }

  /** Asks the plugins again. Does not reject. */
  async ask(network: NetworkConfig, signal: AbortSignal): Promise<void> {
    if (!hasVerb(network, 'STATUS')) return;
    const failure = await statusChain(this.#plugins, network, this.#options, signal).then(
      () => undefined,
      (cause: unknown) => ({ cause }),
    );
    if (signal.aborted) return;
    if (this.#text !== network.text) this.#forget(network);
    if (failure === undefined) this.#good();
    else this.#bad(failure.cause);
  }

  #forget(network: NetworkConfig): void {
    this.#text = network.text;
    this.#wasGood = false;
    this.#failures = 0;
  }

  #good(): void {
    this.#wasGood = true;
    this.#failures = 0;
    this.#problem = undefined;
  }

  #bad(cause: unknown): void {
    const nowMs = performance.now();
    if (this.#failures === 0) this.#failingSinceMs = nowMs;
    this.#failures += 1;
    // one hang says more of the node's load than of the network
    const isFirstHang = this.#failures === 1 && hasKind(cause, 'deadline-exceeded');
    const isInGrace = nowMs - this.#failingSinceMs < this.#options.graceMs;
    this.#problem = this.#wasGood && (isFirstHang || isInGrace) ? undefined : describeError(cause);
  }
}
