import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { CpuTree } from '../../test/harness/cpu-tree.ts';

describe('values of CPUs', () => {
  let tree: CpuTree;
  afterEach(() => rmSync(tree.root, { recursive: true, force: true }));

  function sleeping(...latencies: readonly string[]): CpuTree {
    const made = new CpuTree(latencies.length);
    for (const [cpu, latency] of latencies.entries()) made.setLatency(cpu, latency);
    return made;
  }

  const latencies = () => [0, 1, 2, 3].map((cpu) => tree.latency(cpu));

  test('each CPU gets back what it had', async () => {
    tree = sleeping('0', '30', 'n/a', '0');
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '1-2', resumeLatency: '10' });
    assert.deepEqual(latencies(), ['0', '10', '10', '0']);
    await tuning.apply('b', { cpus: '2-3', resumeLatency: 'n/a' });
    assert.deepEqual(latencies(), ['0', '10', 'n/a', 'n/a']);
    await tuning.release('b');
    assert.deepEqual(latencies(), ['0', '10', '10', '0']);
    await tuning.release('a');
    assert.deepEqual(latencies(), ['0', '30', 'n/a', '0']);
  });

  test('a container whose attempt before has not been cleared away yet', async () => {
    tree = sleeping('0', '30', '0', '0');
    const tuning = await tree.open();
    await tuning.apply('first', { cpus: '1', resumeLatency: '10' });
    await tuning.apply('second', { cpus: '1', resumeLatency: '10' });
    await tuning.release('first');
    assert.equal(tree.latency(1), '10');
    await tuning.release('second');
    assert.equal(tree.latency(1), '30');
  });

  test('the next daemon puts back what a container had that ended meanwhile; after a boot there is nothing', async () => {
    tree = sleeping('0', '30', '0', '0');
    await (await tree.open()).apply('a', { cpus: '1', resumeLatency: 'n/a' });
    await (await tree.open()).apply('b', { cpus: '1-2', resumeLatency: '5' });
    await (await tree.open()).settle((id) => id === 'a');
    assert.deepEqual(latencies(), ['0', 'n/a', '0', '0']);
    tree.boot('second');
    tree.setLatency(1, '7');
    await (await tree.open()).settle(() => true);
    assert.deepEqual(latencies(), ['0', '7', '0', '0']);
  });

  test('CPUs that move under a running container', async () => {
    tree = sleeping('0', '30', '0', '0');
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '1', resumeLatency: '10' });
    await tuning.apply('a', { cpus: '2-3', resumeLatency: '10' });
    assert.deepEqual(latencies(), ['0', '30', '10', '10']);
  });

  test('a kernel that cannot do it refuses the container; nothing of it stays', async () => {
    tree = sleeping('0', '30', '0', '0');
    rmSync(join(tree.root, 'sys/devices/system/cpu/cpu2'), { recursive: true });
    const tuning = await tree.open();
    await assert.rejects(tuning.apply('a', { cpus: '1-2', resumeLatency: '10', irq: 'disable' }), {
      kind: 'failed-precondition',
      message: /of container "a": CPU 2 has no power\/pm_qos_resume_latency_us in \/sys: the kernel cannot/,
    });
    assert.equal(tree.latency(1), '30');
    assert.equal(tree.mask, 'f');
  });

  test('one that cannot be put back does not keep the others from it', async () => {
    tree = sleeping('0', '30', '0', '0');
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '1-2', resumeLatency: '10' });
    const file = join(tree.root, 'sys/devices/system/cpu/cpu1/power/pm_qos_resume_latency_us');
    rmSync(file);
    mkdirSync(file);
    await tuning.release('a');
    assert.equal(tree.latency(2), '0');
    assert.match(JSON.stringify(tree.said.at(-1)), /cannot give the node back/);
    rmSync(file, { recursive: true });
    tree.setLatency(1, '10');
    await tuning.settle(() => true);
    assert.equal(tree.latency(1), '30');
  });

  test('what cannot be put back, or not be kept, keeps no other container from its start', async () => {
    tree = sleeping('0', '30', '0', '0');
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '1', resumeLatency: '10' });
    const file = join(tree.root, 'sys/devices/system/cpu/cpu1/power/pm_qos_resume_latency_us');
    rmSync(file);
    mkdirSync(file); // cannot be read, as cpufreq of an offline CPU (EBUSY)
    await tuning.apply('b', { cpus: '2', resumeLatency: '10' });
    await tuning.release('a');
    await tuning.apply('c', { cpus: '3', resumeLatency: '10' });
    assert.deepEqual([tree.latency(2), tree.latency(3)], ['10', '10']);
    assert.match(JSON.stringify(tree.said.at(-1)), /cannot give the node back.*cpu1.*EISDIR/);
    rmSync(file, { recursive: true });
    tree.setLatency(1, '10');
    await tuning.release('b');
    assert.deepEqual(latencies(), ['0', '30', '0', '10']);
  });

  test('a CPU that goes offline meanwhile does not keep others from their start', async () => {
    tree = sleeping('0', '30', '0', '0');
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '1-2', resumeLatency: '10' });
    rmSync(join(tree.root, 'sys/devices/system/cpu/cpu2'), { recursive: true });
    await tuning.apply('b', { cpus: '3', resumeLatency: '10' });
    await tuning.release('a');
    assert.deepEqual([tree.latency(1), tree.latency(3)], ['30', '10']);
    assert.match(JSON.stringify(tree.said), /cannot set a CPU back: it is offline/);
  });
});
