// The files of cgroups as directories: those of v2 with partitions need a newer kernel than many machines have.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { CpuTree } from '../../test/harness/cpu-tree.ts';
import type { CgroupDirectories, TuningClaim } from './tuning.ts';

describe('load balancing', () => {
  let tree: CpuTree;
  afterEach(() => rmSync(tree.root, { recursive: true, force: true }));

  function place(version: 1 | 2, ...names: readonly string[]): CgroupDirectories {
    const paths = names.map((_, index) => join(tree.root, 'cg', ...names.slice(0, index + 1)));
    return { version, root: join(tree.root, 'cg'), above: paths.slice(0, 2), own: paths.slice(2) };
  }

  function cgroup(...paths: readonly string[]): void {
    for (const path of paths) {
      tree.write(`cg/${path}/cpuset.cpus.exclusive`, '');
      tree.write(`cg/${path}/cpuset.cpus.partition`, 'member');
    }
  }

  function claim(unbalanced: CgroupDirectories, cpus: string): TuningClaim {
    return { cpus, withoutLoadBalancing: true, unbalanced };
  }

  const exclusive = (path: string) => tree.read(`cg/${path}/cpuset.cpus.exclusive`);
  const partition = (path: string) => tree.read(`cg/${path}/cpuset.cpus.partition`);

  test('cgroup v1: off in the container’s cgroups, with a warning where it goes on above', async () => {
    tree = new CpuTree(8);
    for (const path of ['.', 'kube', 'kube/pod', 'kube/pod/a'])
      tree.write(`cg/${path}/cpuset.sched_load_balance`, path === 'kube' ? '1' : path === '.' ? '0' : '1');
    const tuning = await tree.open();
    await tuning.apply('a', claim(place(1, 'kube', 'pod', 'a'), '2'));
    assert.equal(tree.read('cg/kube/pod/a/cpuset.sched_load_balance'), '0');
    assert.equal(tree.read('cg/kube/cpuset.sched_load_balance'), '1');
    assert.deepEqual(tree.said.at(-1)?.fields, { path: join(tree.root, 'cg/kube') });
    rmSync(join(tree.root, 'cg/kube/pod'), { recursive: true });
    await tuning.apply('b', { cpus: '3', irq: 'disable' });
  });

  test('cgroup v2: a partition of the container, its CPUs handed down from above and taken back', async () => {
    tree = new CpuTree(8);
    cgroup('kube', 'kube/pod1', 'kube/pod1/a', 'kube/pod1/a/container', 'kube/pod2', 'kube/pod2/b');
    tree.write('cg/kube/cpuset.cpus.exclusive', '7');
    const tuning = await tree.open();
    await Promise.all([
      tuning.apply('a', claim(place(2, 'kube', 'pod1', 'a', 'container'), '2-3')),
      tuning.apply('b', claim(place(2, 'kube', 'pod2', 'b'), '4')),
    ]);
    assert.deepEqual(
      ['kube', 'kube/pod1', 'kube/pod1/a', 'kube/pod1/a/container', 'kube/pod2'].map(exclusive),
      ['2-4,7', '2-3', '2-3', '2-3', '4'],
    );
    assert.deepEqual(['kube/pod1/a', 'kube/pod1/a/container', 'kube/pod2/b'].map(partition), [
      'member',
      'isolated',
      'isolated',
    ]);
    await tuning.release('a'); // while its cgroup is still there
    assert.deepEqual(['kube', 'kube/pod1', 'kube/pod1/a/container'].map(exclusive), ['4,7', '', '']);
    assert.equal(partition('kube/pod1/a/container'), 'member');
    rmSync(join(tree.root, 'cg/kube/pod2'), { recursive: true }); // the pod's cgroup first
    await tuning.release('b');
    assert.equal(exclusive('kube'), '7');
  });

  test('cgroup v2: the next daemon takes back what a container had that ended meanwhile', async () => {
    tree = new CpuTree(8);
    cgroup('kube', 'kube/pod1', 'kube/pod1/a');
    await (await tree.open()).apply('a', claim(place(2, 'kube', 'pod1', 'a'), '2-3'));
    rmSync(join(tree.root, 'cg/kube/pod1/a'), { recursive: true });
    await (await tree.open()).settle(() => false);
    assert.deepEqual(['kube', 'kube/pod1'].map(exclusive), ['', '']);
  });

  test('cgroup v2: what the kernel does not take refuses the container, and what was handed down is taken back', async () => {
    tree = new CpuTree(8);
    cgroup('kube', 'kube/pod1');
    tree.write('cg/kube/pod1/a/cpuset.cpus', '2');
    mkdirSync(join(tree.root, 'cg/kube/pod1/a/cpuset.cpus.exclusive')); // a write fails, as with a neighbour's CPUs
    const tuning = await tree.open();
    await assert.rejects(tuning.apply('a', claim(place(2, 'kube', 'pod1', 'a'), '2')), /EISDIR/);
    assert.deepEqual(['kube', 'kube/pod1'].map(exclusive), ['', '']);
  });

  test('cgroup v2: CPUs that others had handed down before stay so', async () => {
    tree = new CpuTree(8);
    cgroup('kube', 'kube/pod1', 'kube/pod1/a');
    tree.write('cg/kube/cpuset.cpus.exclusive', '2-5');
    await (await tree.open()).apply('a', claim(place(2, 'kube', 'pod1', 'a'), '2-3,6'));
    assert.deepEqual(['kube', 'kube/pod1'].map(exclusive), ['2-6', '2-3,6']);
    await (await tree.open()).release('a');
    assert.deepEqual(['kube', 'kube/pod1'].map(exclusive), ['2-5', '']);
  });

  test('cgroup v2: what cannot be taken back keeps no other container from its start, and is tried again', async () => {
    tree = new CpuTree(8);
    cgroup('kube', 'kube/pod1', 'kube/pod1/a', 'kube/pod2', 'kube/pod2/b');
    const tuning = await tree.open();
    await tuning.apply('a', claim(place(2, 'kube', 'pod1', 'a'), '2-3'));
    const file = join(tree.root, 'cg/kube/pod1/cpuset.cpus.exclusive');
    rmSync(file);
    mkdirSync(file);
    await tuning.release('a');
    await tuning.apply('b', claim(place(2, 'kube', 'pod2', 'b'), '4'));
    assert.deepEqual(['kube', 'kube/pod1/a', 'kube/pod2/b'].map(exclusive), ['4', '', '4']);
    rmSync(file, { recursive: true });
    tree.write('cg/kube/pod1/cpuset.cpus.exclusive', '2-3');
    await tuning.release('b');
    assert.deepEqual(['kube', 'kube/pod1', 'kube/pod2'].map(exclusive), ['', '', '']);
  });

  test('cgroup v2: a kernel without exclusive CPUs refuses the container', async () => {
    tree = new CpuTree(8);
    tree.write('cg/kube/pod1/a/cpuset.cpus', '2');
    const tuning = await tree.open();
    await assert.rejects(tuning.apply('a', claim(place(2, 'kube', 'pod1', 'a'), '2')), {
      kind: 'failed-precondition',
      message: /CPUs of container "a": the kernel has no cpuset\.cpus\.exclusive; Linux 6\.7 has it$/,
    });
  });
});
