// The files of cpufreq as directories: most virtual machines have none.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { CpuTree } from '../../test/harness/cpu-tree.ts';

describe('governors', () => {
  let tree: CpuTree;
  afterEach(() => rmSync(tree.root, { recursive: true, force: true }));

  /** Two CPUs for each policy, as with hyper-threads. */
  function machine(): CpuTree {
    const made = new CpuTree(4);
    for (const policy of [0, 2]) {
      made.write(`sys/devices/system/cpu/cpufreq/policy${policy}/scaling_governor`, 'powersave');
      made.write(
        `sys/devices/system/cpu/cpufreq/policy${policy}/scaling_available_governors`,
        'performance powersave ',
      );
      for (const cpu of [policy, policy + 1]) {
        mkdirSync(join(made.root, `sys/devices/system/cpu/cpu${cpu}`));
        symlinkSync(
          `../cpufreq/policy${policy}`,
          join(made.root, `sys/devices/system/cpu/cpu${cpu}/cpufreq`),
        );
      }
    }
    return made;
  }

  const governor = (policy: number) =>
    tree.read(`sys/devices/system/cpu/cpufreq/policy${policy}/scaling_governor`);

  test('the policy keeps its governor until the last container with one of its CPUs is gone', async () => {
    tree = machine();
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '0', governor: 'performance' });
    await tuning.apply('b', { cpus: '1', governor: 'performance' });
    assert.deepEqual([governor(0), governor(2)], ['performance', 'powersave']);
    await tuning.release('a');
    assert.equal(governor(0), 'performance');
    await tuning.release('b');
    assert.equal(governor(0), 'powersave');
  });

  test('the next daemon puts it back, with the limits of idle states', async () => {
    tree = machine();
    for (const cpu of [0, 1, 2, 3]) tree.setLatency(cpu, '0');
    await (await tree.open()).apply('a', { cpus: '2-3', governor: 'performance', resumeLatency: '5' });
    assert.deepEqual([governor(2), tree.latency(3)], ['performance', '5']);
    await (await tree.open()).settle(() => false);
    assert.deepEqual([governor(2), tree.latency(3)], ['powersave', '0']);
  });

  test('a governor that the kernel does not have, and a kernel without any, refuse the container', async () => {
    tree = machine();
    const tuning = await tree.open();
    await assert.rejects(
      tuning.apply('a', { cpus: '0,2', governor: 'turbo' }),
      /policy0\/scaling_governor knows no governor "turbo", but performance, powersave$/,
    );
    rmSync(join(tree.root, 'sys/devices/system/cpu/cpu3/cpufreq'));
    await assert.rejects(
      tuning.apply('a', { cpus: '2-3', governor: 'performance' }),
      /CPU 3 has no cpufreq\/scaling_governor in \/sys: the kernel has no driver for its frequency, or/,
    );
    assert.deepEqual([governor(0), governor(2)], ['powersave', 'powersave']);
  });
});
