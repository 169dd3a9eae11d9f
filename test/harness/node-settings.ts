// Settings of the machine's kernel that follow containers with CPUs of their own, as they are now.

import assert from 'node:assert/strict';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { missing } from './requirements.ts';
import { patienceMs } from './until.ts';

export const maskFile = '/proc/irq/default_smp_affinity';
export const latencyFile = '/sys/devices/system/cpu/cpu1/power/pm_qos_resume_latency_us';

export function contentOf(file: string): string {
  return readFileSync(file, 'utf8').trim();
}

export function interruptMask(): bigint {
  return BigInt(`0x${contentOf(maskFile).replaceAll(',', '')}`);
}

/** What a container has changed is given back behind its end. */
export async function becomes(file: string, value: string): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (contentOf(file) !== value && performance.now() < deadline) await sleep(20);
  assert.equal(contentOf(file), value, file);
}

/** Why the settings of CPUs cannot be tested here. */
export function lackingSettings(): string | false {
  if (!existsSync(maskFile)) return 'needs a kernel with an IRQ affinity mask';
  if (!existsSync(latencyFile)) return 'needs a second CPU with a limit of its idle states';
  for (const file of [maskFile, latencyFile]) {
    try {
      accessSync(file, constants.W_OK);
    } catch {
      return `needs a ${file} that can be written`;
    }
  }
  return (interruptMask() & 3n) === 3n ? missing('runc') : 'needs two CPUs that take interrupts';
}
