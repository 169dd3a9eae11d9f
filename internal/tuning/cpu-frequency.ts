// Who chooses the frequency of a CPU (Documentation/admin-guide/pm/cpufreq.rst). CPUs of one policy share the choice: their
// directories are links to the policy's, so the value of before is that of the policy, whichever of them came first.

import { dirname, join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import type { CpuKnob } from './cpu-values.ts';
import { existingFile, readValue } from './node-files.ts';

/** `root` is where /sys is. */
export function cpuFrequencyKnob(root: string): CpuKnob {
  return {
    wanted: ({ governor }) => governor,
    async file(cpu) {
      return existingFile(join(root, `sys/devices/system/cpu/cpu${cpu}/cpufreq/scaling_governor`));
    },
    absence:
      'cpufreq/scaling_governor in /sys: the kernel has no driver for its frequency, or the machine hides it',
    async check(file, value) {
      const known = await readValue(join(dirname(file), 'scaling_available_governors'));
      if (known === undefined || known.split(/\s+/).includes(value)) return;
      const text = `${file} knows no governor "${value}"`;
      throw new DaemonError('failed-precondition', `${text}, but ${known.split(/\s+/).join(', ') || 'none'}`);
    },
  };
}
