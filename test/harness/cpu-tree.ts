// The files of /proc and /sys about CPUs, as directories below a root of a test's own, for kernels that are not at hand.

import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { silentLogger } from '../../internal/log/logger.ts';
import { openKernelTuning } from '../../internal/tuning/kernel-tuning.ts';
import type { NodeTuning } from '../../internal/tuning/tuning.ts';
import { nodeCommandRunner } from './node-command-runner.ts';

export interface Said {
  readonly level: string;
  readonly text: string;
  readonly fields: object;
}

export class CpuTree {
  readonly root = mkdtempSync('/tmp/cria-cpus-');
  readonly said: Said[] = [];

  /** A machine of `count` CPUs that was booted just now. */
  constructor(count: number) {
    this.boot('first');
    this.write('sys/devices/system/cpu/possible', count === 1 ? '0' : `0-${count - 1}`);
    this.write('proc/irq/default_smp_affinity', ((1n << BigInt(count)) - 1n).toString(16));
  }

  /** What a CPU may sleep, in microseconds. */
  latency(cpu: number): string {
    return this.read(`sys/devices/system/cpu/cpu${cpu}/power/pm_qos_resume_latency_us`);
  }

  setLatency(cpu: number, value: string): void {
    this.write(`sys/devices/system/cpu/cpu${cpu}/power/pm_qos_resume_latency_us`, value);
  }

  boot(id: string): void {
    this.write('proc/sys/kernel/random/boot_id', id);
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), `${text}\n`);
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8').trim();
  }

  get mask(): string {
    return this.read('proc/irq/default_smp_affinity');
  }

  /** A program of this name that only its tests use; `script` is the rest of a shell script. */
  program(name: string, script: string): void {
    mkdirSync(join(this.root, 'bin'), { recursive: true });
    writeFileSync(join(this.root, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  /** What a daemon on this machine has; a second one is its successor. Its irqbalance has the file of this name. */
  open(irqbalanceConfig = 'irqbalance'): Promise<NodeTuning> {
    const say = (level: string) => (fields: object, text: string) =>
      void this.said.push({ level, text, fields });
    const logger = {
      ...silentLogger,
      debug: say('debug'),
      info: say('info'),
      warn: say('warn'),
      error: say('error'),
    };
    return openKernelTuning({
      stateFile: join(this.root, 'tuning.json'),
      irqbalanceConfig: join(this.root, irqbalanceConfig),
      irqbalanceRestoreFile: join(this.root, 'orig'),
      runner: nodeCommandRunner,
      logger,
      searchPath: join(this.root, 'bin'),
      root: this.root,
    });
  }
}
