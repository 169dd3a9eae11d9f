import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { CpuTree } from '../../test/harness/cpu-tree.ts';

const all = () => true;
const none = () => false;

describe('interrupts', () => {
  let tree: CpuTree;
  afterEach(() => rmSync(tree.root, { recursive: true, force: true }));

  test('the mask lacks the CPUs of all containers that ask for it, and has them again when the last of these is gone', async () => {
    tree = new CpuTree(8);
    const tuning = await tree.open();
    await Promise.all([
      tuning.apply('a', { cpus: '2-3', irq: 'disable' }),
      tuning.apply('b', { cpus: '3-4', irq: 'disable' }),
      tuning.apply('a', { cpus: '2-3', irq: 'disable' }),
    ]);
    assert.equal(tree.mask, 'e3');
    await tuning.release('a');
    assert.equal(tree.mask, 'e7');
    await tuning.release('b');
    await tuning.release('b');
    assert.equal(tree.mask, 'ff');
  });

  test('what others change in the mask meanwhile stays', async () => {
    tree = new CpuTree(8);
    tree.write('proc/irq/default_smp_affinity', '7f');
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '6-7', irq: 'disable' });
    assert.equal(tree.mask, '3f');
    tree.write('proc/irq/default_smp_affinity', '3e');
    await tuning.release('a');
    assert.equal(tree.mask, '7e');
  });

  test('housekeeping leaves the first CPU of the container and its siblings in the mask', async () => {
    tree = new CpuTree(8);
    tree.write('sys/devices/system/cpu/cpu2/topology/thread_siblings_list', '2,6,7');
    const tuning = await tree.open();
    const told = (cpus: string) => tuning.environment({ irq: 'housekeeping' }, cpus);
    assert.deepEqual(await told('2-4,6'), { OPENSHIFT_HOUSEKEEPING_CPUS: '2,6' });
    assert.deepEqual(await told('3-4'), { OPENSHIFT_HOUSEKEEPING_CPUS: '3' });
    assert.deepEqual(await tuning.environment({ irq: 'disable' }, '3-4'), {});
    await tuning.apply('a', { cpus: '2-4,6', irq: 'housekeeping' });
    assert.equal(tree.mask, 'e7');
  });

  test('a container that would leave no CPU for interrupts is refused, and nothing is changed', async () => {
    tree = new CpuTree(4);
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '0-1', irq: 'disable' });
    await assert.rejects(tuning.apply('b', { cpus: '2-3', irq: 'disable' }), {
      kind: 'failed-precondition',
      message:
        'the node cannot be set up for the CPUs of container "b": no CPU would be left for interrupts, all of 0-3 are in 0-3; leave CPUs to the system (reservedSystemCPUs)',
    });
    assert.equal(tree.mask, 'c');
    await tuning.release('a');
    assert.equal(tree.mask, 'f');
  });

  test('CPUs that are offline take no interrupts', async () => {
    tree = new CpuTree(4);
    tree.write('sys/devices/system/cpu/online', '0-1');
    const tuning = await tree.open();
    await assert.rejects(tuning.apply('a', { cpus: '0-1', irq: 'disable' }), /no CPU would be left for/);
    await tuning.apply('a', { cpus: '1', irq: 'disable' });
    assert.equal(tree.mask, 'd');
  });

  test('a kernel without the mask refuses the container', async () => {
    tree = new CpuTree(4);
    rmSync(join(tree.root, 'proc/irq'), { recursive: true });
    const tuning = await tree.open();
    await assert.rejects(
      tuning.apply('a', { cpus: '1', irq: 'disable' }),
      /default_smp_affinity holds no mask/,
    );
    await tuning.apply('b', { cpus: '1' });
  });

  test('a daemon that dies leaves what its successor undoes', async () => {
    tree = new CpuTree(4);
    const first = await tree.open();
    await first.apply('a', { cpus: '1', irq: 'disable' });
    await first.apply('b', { cpus: '2', irq: 'disable' });
    const second = await tree.open();
    await second.settle((id) => id === 'b');
    assert.equal(tree.mask, 'b');
    const third = await tree.open();
    await third.settle(none);
    assert.equal(tree.mask, 'f');
  });

  test('a daemon that died between its note and the change', async () => {
    tree = new CpuTree(4);
    await (await tree.open()).apply('a', { cpus: '1', irq: 'disable' });
    tree.write('proc/irq/default_smp_affinity', 'f');
    const next = await tree.open();
    await next.settle(all);
    assert.equal(tree.mask, 'd');
    await next.release('a');
    assert.equal(tree.mask, 'f');
  });

  test('after a boot nothing is left to undo in the kernel', async () => {
    tree = new CpuTree(4);
    await (await tree.open()).apply('a', { cpus: '1', irq: 'disable' });
    tree.boot('second');
    tree.write('proc/irq/default_smp_affinity', '7');
    await (await tree.open()).settle(all);
    assert.equal(tree.mask, '7');
  });

  test('state of another version is left alone, and refuses', async () => {
    tree = new CpuTree(4);
    const file = join(tree.root, 'tuning.json');
    writeFileSync(file, '{"version": 99}');
    const tuning = await tree.open();
    await assert.rejects(
      tuning.apply('a', { cpus: '1', irq: 'disable' }),
      /version 99, expected 1; start the version of cria/,
    );
    await tuning.settle(none);
    assert.equal(readFileSync(file, 'utf8'), '{"version": 99}');
  });
});

describe('what cannot be given back', () => {
  let tree: CpuTree;
  afterEach(() => rmSync(tree.root, { recursive: true, force: true }));

  test('is in the log and tried again with the next change', async () => {
    tree = new CpuTree(8);
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '2', irq: 'disable' });
    rmSync(join(tree.root, 'proc/irq/default_smp_affinity'));
    await tuning.release('a');
    assert.match(JSON.stringify(tree.said.at(-1)), /cannot give the node back.*holds no mask/);
    tree.write('proc/irq/default_smp_affinity', 'fb');
    await tuning.apply('b', { cpus: '3', irq: 'disable' });
    assert.equal(tree.mask, 'f7');
  });

  test('keeps no container from its start that asks for something else', async () => {
    tree = new CpuTree(8);
    tree.setLatency(3, '0');
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '2', irq: 'disable' });
    rmSync(join(tree.root, 'proc/irq/default_smp_affinity'));
    await tuning.release('a');
    await tuning.apply('b', { cpus: '3', resumeLatency: '10' });
    assert.equal(tree.latency(3), '10');
  });

  test('a state file that cannot be written refuses containers, and keeps none from its end', async () => {
    tree = new CpuTree(8);
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '2', irq: 'disable' });
    rmSync(join(tree.root, 'tuning.json'));
    mkdirSync(join(tree.root, 'tuning.json/x'), { recursive: true });
    await assert.rejects(tuning.apply('b', { cpus: '3', irq: 'disable' }), {
      kind: 'failed-precondition',
      message: `the node cannot be set up for the CPUs of container "b": ${tree.root}/tuning.json cannot be written (EISDIR)`,
    });
    assert.equal(tree.mask, 'fb');
    await tuning.release('a');
    assert.equal(tree.mask, 'ff');
  });
});
