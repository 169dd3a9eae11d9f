import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { CpuTree } from '../../test/harness/cpu-tree.ts';
import type { CgroupDirectories, TuningClaim } from './tuning.ts';

describe('shared CPUs', () => {
  let tree: CpuTree;
  afterEach(() => rmSync(tree.root, { recursive: true, force: true }));

  function claim(version: 1 | 2, container: string, cpus: string): TuningClaim {
    const directories = (hierarchy: string): CgroupDirectories => {
      const root = join(tree.root, hierarchy);
      return { version, root, above: [join(root, 'pod')], own: [join(root, 'pod', container)] };
    };
    const cpuset = directories(version === 1 ? 'cpuset' : 'cg');
    return {
      cpus,
      sharedCpus: '0-1',
      shared: { cpus: '0-1', cpu: directories(version === 1 ? 'cpu' : 'cg'), cpuset },
    };
  }

  function v1Quota(path: string, quota: string): void {
    tree.write(`cpu/${path}/cpu.cfs_quota_us`, quota);
    tree.write(`cpu/${path}/cpu.cfs_period_us`, '100000');
  }

  const v1 = (...paths: readonly string[]) => paths.map((path) => tree.read(`cpu/${path}/cpu.cfs_quota_us`));

  test('cgroup v1: the quotas of container and pod have room for them, and get back what they had', async () => {
    tree = new CpuTree(8);
    v1Quota('pod', '300000');
    v1Quota('pod/a', '200000');
    v1Quota('pod/b', '100000');
    const tuning = await tree.open();
    await tuning.apply('a', claim(1, 'a', '2-3'));
    assert.deepEqual(v1('pod', 'pod/a', 'pod/b'), ['500000', '400000', '100000']);
    await tuning.apply('a', claim(1, 'a', '2-3')); // asked for again: not raised twice
    await (await tree.open()).settle(() => true);
    assert.deepEqual(v1('pod', 'pod/a'), ['500000', '400000']);
    const next = await tree.open();
    await next.apply('b', claim(1, 'b', '4'));
    assert.deepEqual(v1('pod', 'pod/a', 'pod/b'), ['700000', '400000', '300000']);
    await next.release('a');
    rmSync(join(tree.root, 'cpu/pod/b'), { recursive: true });
    await next.release('b');
    assert.deepEqual(v1('pod', 'pod/a'), ['300000', '200000']);
  });

  test('a quota that the kubelet sets anew is raised from there; none stays none', async () => {
    tree = new CpuTree(8);
    v1Quota('pod', '-1');
    v1Quota('pod/a', '200000');
    const tuning = await tree.open();
    await tuning.apply('a', claim(1, 'a', '2-3'));
    assert.deepEqual(v1('pod', 'pod/a'), ['-1', '400000']);
    v1Quota('pod/a', '300000');
    await tuning.apply('a', claim(1, 'a', '2-4'));
    assert.deepEqual(v1('pod/a'), ['500000']);
    await tuning.release('a');
    assert.deepEqual(v1('pod', 'pod/a'), ['-1', '300000']);
  });

  test('a quota that cannot be given back keeps no other container from its start, and is tried again', async () => {
    tree = new CpuTree(8);
    for (const path of ['pod', 'pod/a', 'pod/b']) v1Quota(path, '100000');
    const tuning = await tree.open();
    await tuning.apply('a', claim(1, 'a', '2'));
    const file = join(tree.root, 'cpu/pod/a/cpu.cfs_quota_us');
    rmSync(file);
    mkdirSync(file);
    await tuning.release('a');
    await tuning.apply('b', claim(1, 'b', '3'));
    assert.deepEqual(v1('pod', 'pod/b'), ['300000', '300000']);
    rmSync(file, { recursive: true });
    v1Quota('pod/a', '300000');
    await tuning.release('b');
    assert.deepEqual(v1('pod', 'pod/a', 'pod/b'), ['100000', '100000', '100000']);
  });

  test('cgroup v2: quotas, and a cgroup for what is to run on the own CPUs only', async () => {
    tree = new CpuTree(8);
    tree.write('cg/pod/cpu.max', '200000 50000');
    tree.write('cg/pod/a/cpu.max', 'max 100000');
    tree.write('cg/pod/a/cgroup.subtree_control', '');
    for (const path of ['pod', 'pod/a', 'pod/a/cgroup-child']) {
      tree.write(`cg/${path}/cpuset.cpus.exclusive`, '');
      tree.write(`cg/${path}/cpuset.cpus.partition`, 'member');
    }
    const tuning = await tree.open();
    const shared = claim(2, 'a', '2-3');
    const unbalanced = shared.shared?.cpuset as CgroupDirectories;
    await tuning.apply('a', { ...shared, withoutLoadBalancing: true, unbalanced });
    assert.equal(tree.read('cg/pod/cpu.max'), '300000 50000');
    assert.equal(tree.read('cg/pod/a/cpu.max'), 'max 100000');
    assert.equal(tree.read('cg/pod/a/cgroup.subtree_control'), '+cpu +cpuset');
    assert.equal(tree.read('cg/pod/a/cgroup-child/cpuset.cpus'), '2-3');
    assert.deepEqual(
      ['pod/a', 'pod/a/cgroup-child'].map((path) => tree.read(`cg/${path}/cpuset.cpus.partition`)),
      ['member', 'isolated'],
    );
    await tuning.release('a');
    assert.equal(tree.read('cg/pod/cpu.max'), '200000 50000');
  });

  test('a container that is told about its CPUs; one that ends before anything is done', async () => {
    tree = new CpuTree(8);
    const tuning = await tree.open();
    assert.deepEqual(await tuning.environment({ sharedCpus: '1,0' }, '3,2'), {
      OPENSHIFT_ISOLATED_CPUS: '2-3',
      OPENSHIFT_SHARED_CPUS: '0-1',
    });
    await tuning.apply('a', claim(2, 'gone', '2-3'));
    assert.ok(!existsSync(join(tree.root, 'cg')));
  });
});
