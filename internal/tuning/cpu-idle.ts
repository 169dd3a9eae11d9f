// How deep a CPU may sleep: the latency of its wake-up that is tolerated (Documentation/ABI/testing/sysfs-devices-power).

import { join } from 'node:path';
import type { CpuKnob } from './cpu-values.ts';
import { existingFile } from './node-files.ts';

/** `root` is where /sys is. */
export function cpuIdleKnob(root: string): CpuKnob {
  return {
    wanted: ({ resumeLatency }) => resumeLatency,
    async file(cpu) {
      return existingFile(join(root, `sys/devices/system/cpu/cpu${cpu}/power/pm_qos_resume_latency_us`));
    },
    absence: 'power/pm_qos_resume_latency_us in /sys: the kernel cannot limit its idle states (CONFIG_PM)',
    async check() {},
  };
}
