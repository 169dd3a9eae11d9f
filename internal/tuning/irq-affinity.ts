// Which CPUs take interrupts of devices: the mask for new ones (Documentation/core-api/irq/irq-affinity.rst), and irqbalance,
// which moves those that are there. The mask is made of what the containers ask for, not by adding and subtracting.

import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import {
  type CpuSet,
  cpusIn,
  formatCpuList,
  formatCpuMask,
  maskDigits,
  noCpus,
  parseCpuList,
  parseCpuMask,
} from './cpu-set.ts';
import type { IrqbalanceConfig } from './irqbalance-config.ts';
import { readValue, writeValue } from './node-files.ts';
import type { Afterwards, TunedSetting } from './tuned-setting.ts';
import type { TuningClaim } from './tuning.ts';
import type { TuningRound } from './tuning-round.ts';

export class IrqAffinity implements TunedSetting {
  readonly #root: string;
  readonly #mask: string;
  readonly #irqbalance: IrqbalanceConfig;

  /** `root` is where /proc and /sys are. */
  constructor(root: string, irqbalance: IrqbalanceConfig) {
    this.#root = root;
    this.#mask = join(root, 'proc/irq/default_smp_affinity');
    this.#irqbalance = irqbalance;
  }

  concerns({ irq }: TuningClaim): boolean {
    return irq !== undefined;
  }

  async reach({ store, claims }: TuningRound): Promise<Afterwards | undefined> {
    const quiet = await this.#quietCpus(claims);
    const takenBefore = parseCpuList(store.state.takenIrqCpus) ?? noCpus;
    if (quiet === noCpus && takenBefore === noCpus) return this.#irqbalance.restore(store);
    const text = await readValue(this.#mask);
    const mask = text === undefined ? undefined : parseCpuMask(text);
    if (text === undefined || mask === undefined)
      throw new DaemonError(
        'failed-precondition',
        `${this.#mask} holds no mask: the kernel cannot move interrupts`,
      );
    const whole = mask | takenBefore; // what it would be without us
    const taken = whole & quiet;
    const rest = whole & ~taken;
    if ((rest & (await this.#onlineCpus(whole))) === noCpus) {
      const cpus = formatCpuList(quiet);
      const text = `no CPU would be left for interrupts, all of ${formatCpuList(whole)} are in ${cpus}`;
      throw new DaemonError('failed-precondition', `${text}; leave CPUs to the system (reservedSystemCPUs)`);
    }
    await store.save({ takenIrqCpus: formatCpuList(takenBefore | taken) });
    if (rest !== mask) await writeValue(this.#mask, formatCpuMask(rest, maskDigits(text)));
    await store.forget({ takenIrqCpus: formatCpuList(taken) });
    if (quiet === noCpus) return this.#irqbalance.restore(store);
    return this.#irqbalance.ban(store, { quiet: taken, never: (await this.#possibleCpus()) & ~whole });
  }

  /** Whether new interrupts may come to every CPU, as they may after a boot. */
  async isWhole(): Promise<boolean> {
    const mask = parseCpuMask((await readValue(this.#mask)) ?? '');
    return mask !== undefined && ((await this.#possibleCpus()) & ~mask) === noCpus;
  }

  async #possibleCpus(): Promise<CpuSet> {
    const list = await readValue(join(this.#root, 'sys/devices/system/cpu/possible'));
    return parseCpuList(list ?? '') ?? noCpus;
  }

  /** The kernel takes no mask without one of these. */
  async #onlineCpus(otherwise: CpuSet): Promise<CpuSet> {
    const list = await readValue(join(this.#root, 'sys/devices/system/cpu/online'));
    return list === undefined ? otherwise : (parseCpuList(list) ?? otherwise);
  }

  async #quietCpus(claims: readonly TuningClaim[]): Promise<CpuSet> {
    let quiet = noCpus;
    for (const { irq, cpus } of claims) {
      if (irq === undefined) continue;
      const own = parseCpuList(cpus) ?? noCpus;
      quiet |= irq === 'housekeeping' ? own & ~(await this.housekeeping(own)) : own;
    }
    return quiet;
  }

  /** The first CPU of a set with those of its threads' siblings that are in the set. */
  async housekeeping(cpus: CpuSet): Promise<CpuSet> {
    const first = cpusIn(cpus)[0];
    if (first === undefined) return noCpus;
    const path = join(this.#root, `sys/devices/system/cpu/cpu${first}/topology/thread_siblings_list`);
    const siblings = parseCpuList((await readValue(path)) ?? '') ?? noCpus;
    return (siblings & cpus) | (1n << BigInt(first));
  }
}
