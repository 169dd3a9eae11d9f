// CPU time of a group of processes, whoever starts and ends in it, by a cgroup of its own.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const v1Root = '/sys/fs/cgroup/cpuacct';

export class CpuCgroup {
  readonly #directory: string;
  readonly #isV1 = existsSync(v1Root);

  /** `name` must be free on the machine. */
  constructor(name: string) {
    this.#directory = join(this.#isV1 ? v1Root : '/sys/fs/cgroup', name);
    mkdirSync(this.#directory);
  }

  /** Where a process writes its pid to enter. */
  get procs(): string {
    return join(this.#directory, 'cgroup.procs');
  }

  /** Takes in a process with all its threads. */
  add(pid: number): void {
    writeFileSync(this.procs, String(pid));
  }

  /** All CPU time that its processes have used. */
  get cpuMs(): number {
    if (this.#isV1) return Number(readFileSync(join(this.#directory, 'cpuacct.usage'), 'utf8')) / 1e6;
    const stat = readFileSync(join(this.#directory, 'cpu.stat'), 'utf8');
    return Number(/^usage_usec (\d+)/m.exec(stat)?.[1]) / 1000;
  }

  /** Its processes must have ended. */
  close(): void {
    rmdirSync(this.#directory);
  }
}
