// Which network pods get now, and whether it can be used: the configuration directory as last read.

import type { Logger } from '../log/logger.ts';
import { type BrokenFile, type ConfiguredNetworks, type NetworkConfig, readNetworks } from './cni-config.ts';
import { findPlugin, missingPlugin } from './cni-plugin.ts';
import type { PluginStatus } from './plugin-status.ts';
import type { NetworkReadiness } from './pod-network.ts';
import { watchDirectories } from './watch-directories.ts';

export interface ConfiguredNetworkOptions {
  /** `network_dir`. */
  readonly configDirectory: string;
  /** `plugin_dirs`, searched in order. */
  readonly pluginDirectories: readonly string[];
  /** `cni_default_network`; the first one by file name when undefined. */
  readonly defaultNetwork: string | undefined;
}

/** What the directories held: the network for new pods, and why it cannot be used when it cannot. */
export type Snapshot =
  | { readonly network: NetworkConfig; readonly problem: undefined }
  | { readonly network: NetworkConfig | undefined; readonly problem: string };

export class ConfiguredNetwork {
  readonly #options: ConfiguredNetworkOptions;
  readonly #status: PluginStatus;
  readonly #log: Logger;
  #reads = 0;
  #shownRead = 0;
  #snapshot: Snapshot = { network: undefined, problem: 'not read yet' };
  #broken: readonly BrokenFile[] = [];
  #reported = '';
  /** What the plugins are being asked about. */
  #asked: { readonly text: string; readonly abort: AbortController } | undefined;

  constructor(options: ConfiguredNetworkOptions, status: PluginStatus, log: Logger) {
    this.#options = options;
    this.#status = status;
    this.#log = log;
  }

  /** As of the last look; from memory. */
  get readiness(): NetworkReadiness {
    const { network, problem: unusable } = this.#snapshot;
    const problem = unusable === undefined ? this.#status.problemOf(network) : unusable;
    return problem === undefined ? { ready: true } : { ready: false, message: problem };
  }

  /** Reads the directories again; never rejects. */
  async refresh(): Promise<Snapshot> {
    this.#reads += 1;
    const read = this.#reads;
    const found = await this.#read();
    const snapshot = await this.#assess(found);
    if (read > this.#shownRead) {
      // a later read that was quicker is the newer truth
      this.#shownRead = read;
      this.#snapshot = snapshot;
      this.#broken = found.broken;
      this.#report();
    }
    return snapshot;
  }

  /** Follows changes of the directories, and what the plugins say of themselves, until `signal` aborts. */
  watch(signal: AbortSignal): void {
    const { configDirectory, pluginDirectories } = this.#options;
    const look = async (): Promise<void> => {
      await this.refresh();
      if (!signal.aborted) this.#ask();
    };
    signal.addEventListener('abort', () => this.#asked?.abort.abort(), { once: true });
    watchDirectories([configDirectory, ...pluginDirectories], look, signal);
  }

  /** Asks the plugins of the network, once at a time and in the background: one that hangs hides no change of the directories. */
  #ask(): void {
    const { network, problem } = this.#snapshot;
    const text = problem === undefined ? network.text : undefined;
    if (this.#asked !== undefined && this.#asked.text === text) return;
    this.#asked?.abort.abort(); // about a network that pods do not get any more
    this.#asked = undefined;
    if (problem !== undefined) return;
    const asked = { text: network.text, abort: new AbortController() };
    this.#asked = asked;
    void this.#status.ask(network, asked.abort.signal).then(() => {
      if (this.#asked === asked) this.#asked = undefined;
      this.#report();
    });
  }

  async #read(): Promise<ConfiguredNetworks> {
    const { configDirectory } = this.#options;
    try {
      return await readNetworks(configDirectory);
    } catch (cause) {
      return { networks: [], broken: [{ file: configDirectory, message: (cause as Error).message }] };
    }
  }

  #choose({ networks }: ConfiguredNetworks): NetworkConfig | undefined {
    const { defaultNetwork } = this.#options;
    if (defaultNetwork === undefined || defaultNetwork === '') return networks[0];
    return networks.find(({ name }) => name === defaultNetwork);
  }

  async #assess(found: ConfiguredNetworks): Promise<Snapshot> {
    const { pluginDirectories } = this.#options;
    const network = this.#choose(found);
    if (network === undefined) return { network, problem: this.#whyNone(found) };
    for (const { type } of network.plugins) {
      if ((await findPlugin(type, pluginDirectories)) !== undefined) continue;
      return { network, problem: `network "${network.name}": ${missingPlugin(type, pluginDirectories)}` };
    }
    return { network, problem: undefined };
  }

  #whyNone({ networks, broken }: ConfiguredNetworks): string {
    const { configDirectory, defaultNetwork } = this.#options;
    const why = broken.map(({ file, message }) => `${file}: ${message}`);
    if (networks.length > 0) {
      const names = networks.map(({ name }) => `"${name}"`).join(', ');
      why.unshift(`cni_default_network "${defaultNetwork}" is not among ${names}`);
    }
    if (why.length === 0) why.push('the network provider of the cluster has not written one yet');
    return `no usable CNI network configuration in ${configDirectory}: ${why.join('; ')}`;
  }

  /** One line per change, not one per look. */
  #report(): void {
    const { network } = this.#snapshot;
    const broken = this.#broken;
    const readiness = this.readiness;
    const problem = readiness.ready ? undefined : readiness.message;
    const state = JSON.stringify([network?.text, problem, broken]);
    if (state === this.#reported) return;
    this.#reported = state;
    for (const { file, message } of broken)
      this.#log.warn({ file, message }, 'ignored CNI configuration file');
    if (problem === undefined) this.#log.info({ network: network?.name }, 'pod network is ready');
    else this.#log.warn({ reason: problem }, 'pod network is not ready');
  }
}
