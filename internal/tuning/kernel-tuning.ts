// The node's settings that follow its containers: one queue for all of them, claims first on disk.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyedLock } from '../async/keyed-lock.ts';
import { waitFor } from '../async/wait-for.ts';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import { UnknownVersionError } from '../fs/state-file.ts';
import type { Logger } from '../log/logger.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { cpuFrequencyKnob } from './cpu-frequency.ts';
import { cpuIdleKnob } from './cpu-idle.ts';
import { formatCpuList, noCpus, parseCpuList } from './cpu-set.ts';
import { CpuValues } from './cpu-values.ts';
import { IrqAffinity } from './irq-affinity.ts';
import { Irqbalance } from './irqbalance.ts';
import { IrqbalanceConfig } from './irqbalance-config.ts';
import { LoadBalancing } from './load-balancing.ts';
import { SharedCpus } from './shared-cpus.ts';
import type { Afterwards, TunedSetting } from './tuned-setting.ts';
import type { NodeTuning, TuningClaim, TuningWishes } from './tuning.ts';
import { TuningRound } from './tuning-round.ts';
import { TuningStore } from './tuning-state.ts';

export interface KernelTuningParts {
  /** Where the state is kept; it must outlive a boot. */
  readonly stateFile: string;
  /** The option irqbalance_config_file. */
  readonly irqbalanceConfig: string;
  /** The option irqbalance_config_restore_file; `disable` for none. */
  readonly irqbalanceRestoreFile: string;
  readonly runner: CommandRunner;
  readonly logger: Logger;
  /** A PATH in which irqbalance and systemctl are looked for. */
  readonly searchPath: string;
  /** Where /proc and /sys are. */
  readonly root?: string;
}

/** Reads what earlier daemons did; `settle` goes on with it. A state of another version is left alone: nothing is tuned then. */
export async function openKernelTuning(parts: KernelTuningParts): Promise<NodeTuning> {
  const { root = '/', stateFile, logger } = parts;
  const bootId = (await readFile(join(root, 'proc/sys/kernel/random/boot_id'), 'utf8')).trim();
  try {
    return new KernelTuning(parts, await TuningStore.open(stateFile, bootId, logger));
  } catch (cause) {
    if (!(cause instanceof UnknownVersionError)) throw cause;
    logger.error({ error: cause.message }, 'containers that want the node tuned cannot be started');
    return new NoTuning(cause.message);
  }
}

const queue = 'node';
/** How long the start of a container waits for irqbalance; a restart of its service takes some 100 ms. */
const patienceMs = 3000;

class KernelTuning implements NodeTuning {
  readonly #store: TuningStore;
  readonly #logger: Logger;
  readonly #restoreFile: string;
  readonly #irqbalance: IrqbalanceConfig;
  readonly #irqs: IrqAffinity;
  readonly #settings: readonly TunedSetting[];
  readonly #lock = new KeyedLock();

  constructor(parts: KernelTuningParts, store: TuningStore) {
    const { root = '/', irqbalanceConfig: config, irqbalanceRestoreFile } = parts;
    this.#store = store;
    this.#logger = parts.logger;
    this.#restoreFile = irqbalanceRestoreFile === 'disable' ? '' : irqbalanceRestoreFile;
    this.#irqbalance = new IrqbalanceConfig({ root, config }, new Irqbalance(parts));
    this.#irqs = new IrqAffinity(root, this.#irqbalance);
    const values = new CpuValues([cpuIdleKnob(root), cpuFrequencyKnob(root)], parts.logger);
    this.#settings = [new SharedCpus(), new LoadBalancing(parts.logger), values, this.#irqs];
  }

  async apply(containerId: string, claim: TuningClaim): Promise<void> {
    const rest = await this.#lock.run(queue, async () => {
      const before = this.#store.state.claims[containerId];
      try {
        await this.#store.save({ claims: this.#claimsWith(containerId, claim) });
        return await this.#reach(claim);
      } catch (cause) {
        await this.#giveBack(this.#claimsWith(containerId, before));
        throw refused(containerId, cause);
      }
    });
    await this.#awaitWithPatience(containerId, rest);
  }

  /** A systemd that hangs must not keep a container from its start: what is begun goes on. */
  async #awaitWithPatience(containerId: string, rest: readonly Afterwards[]): Promise<void> {
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), patienceMs);
    try {
      await waitFor(runAll(rest), patience.signal);
    } catch (cause) {
      if (!patience.signal.aborted) throw cause;
      const text =
        'irqbalance takes long: the container is started, and devices may interrupt its CPUs until it is done';
      this.#logger.warn({ containerId }, text);
    } finally {
      clearTimeout(timer);
    }
  }

  async release(containerId: string): Promise<void> {
    if (this.#store.state.claims[containerId] === undefined) return;
    await this.#lock.run(queue, () => this.#giveBack(this.#claimsWith(containerId, undefined)));
  }

  async settle(isRunning: (containerId: string) => boolean): Promise<void> {
    await this.#lock.run(queue, async () => {
      const alive = Object.entries(this.#store.state.claims).filter(([id]) => isRunning(id));
      await this.#giveBack(Object.fromEntries(alive));
      if (alive.length === 0) await this.#restoreAfterBoot();
    });
  }

  async environment(wishes: TuningWishes, cpus: string): Promise<Record<string, string>> {
    const own = parseCpuList(cpus) ?? noCpus;
    const shared = wishes.sharedCpus === undefined ? undefined : (parseCpuList(wishes.sharedCpus) ?? noCpus);
    const isHousekeeping = wishes.irq === 'housekeeping';
    return {
      ...(isHousekeeping && {
        OPENSHIFT_HOUSEKEEPING_CPUS: formatCpuList(await this.#irqs.housekeeping(own)),
      }),
      ...(shared !== undefined && {
        OPENSHIFT_ISOLATED_CPUS: formatCpuList(own),
        OPENSHIFT_SHARED_CPUS: formatCpuList(shared),
      }),
    };
  }

  #claimsWith(containerId: string, claim: TuningClaim | undefined): Record<string, TuningClaim> {
    const others = Object.entries(this.#store.state.claims).filter(([id]) => id !== containerId);
    return { ...Object.fromEntries(others), ...(claim !== undefined && { [containerId]: claim }) };
  }

  /** All settings, up to one that cannot be what the fresh claim asks for. */
  async #reach(fresh?: TuningClaim): Promise<Afterwards[]> {
    const round = new TuningRound(this.#store, fresh, this.#logger);
    const rest: Afterwards[] = [];
    try {
      for (const setting of this.#settings)
        await round.step(fresh !== undefined && setting.concerns(fresh), async () => {
          const more = await setting.reach(round);
          if (more !== undefined) rest.push(more);
        });
    } catch (cause) {
      void runAll(rest);
      throw cause;
    }
    return rest;
  }

  /** What fails is tried again at each later change, by what the store says. */
  async #giveBack(claims: Readonly<Record<string, TuningClaim>>): Promise<void> {
    await this.#store.forget({ claims });
    void runAll(await this.#reach());
  }

  async #restoreAfterBoot(): Promise<void> {
    if (this.#restoreFile === '') return;
    try {
      if (!(await this.#irqs.isWhole())) return;
      const more = await this.#irqbalance.restoreMask(this.#restoreFile);
      if (more !== undefined) void runAll([more]);
    } catch (cause) {
      this.#logger.error({ error: describeError(cause) }, 'cannot restore what irqbalance leaves alone');
    }
  }
}

class NoTuning implements NodeTuning {
  readonly #why: string;

  constructor(why: string) {
    this.#why = why;
  }

  async apply(containerId: string): Promise<void> {
    throw refused(containerId, new Error(`${this.#why}; start the version of cria that wrote it`));
  }

  async release(): Promise<void> {}

  async settle(): Promise<void> {}

  async environment(): Promise<Record<string, string>> {
    return {};
  }
}

function refused(containerId: string, cause: unknown): DaemonError {
  const text = `the node cannot be set up for the CPUs of container "${containerId}"`;
  if (cause instanceof DaemonError) return new DaemonError(cause.kind, `${text}: ${cause.message}`, cause);
  return new DaemonError('failed-precondition', `${text}: ${describeError(cause)}`, cause);
}

async function runAll(rest: readonly Afterwards[]): Promise<void> {
  for (const run of rest) await run();
}
