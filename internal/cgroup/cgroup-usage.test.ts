import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readCgroupUse } from './cgroup-usage.ts';
import type { CgroupMount } from './hierarchy.ts';

let root: string;
before(() => {
  root = mkdtempSync('/tmp/cria-cgroup-');
});
after(() => rmSync(root, { recursive: true }));

function put(folder: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(join(root, folder), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, folder, name), text);
}

function v1Mounts(name: string): CgroupMount[] {
  return ['cpuacct', 'memory', 'pids'].map((controller) => ({
    path: join(root, name, controller),
    controllers: ['rw', controller],
  }));
}

const v1Stat = `cache 9
inactive_file 1
hierarchical_memory_limit 4096
hierarchical_memsw_limit 6144
total_rss 1000
total_swap 7
total_pgfault 3
total_pgmajfault 2
total_inactive_file 500
`;

test('cgroup v1: each controller in its own hierarchy, totals of the subtree', () => {
  put('v1/cpuacct/c', { 'cpuacct.usage': '123456789012345678\n' });
  put('v1/memory/c', { 'memory.stat': v1Stat, 'memory.usage_in_bytes': '1700\n' });
  put('v1/pids/c', { 'pids.current': '4\n' });
  const use = readCgroupUse(v1Mounts('v1'), 'c');
  assert.equal(use?.cpuNanos, 123456789012345678n);
  assert.deepEqual(use?.memory, {
    usageBytes: 1700n,
    workingSetBytes: 1200n,
    rssBytes: 1000n,
    pageFaults: 3n,
    majorPageFaults: 2n,
    limitBytes: 4096n,
    swap: { usageBytes: 7n, limitBytes: 2048n },
  });
  assert.equal(use?.tasks, 4n);
});

test('cgroup v1: no limit is a huge number, and without swap accounting there is no swap', () => {
  const stat = v1Stat.replace('limit 4096', 'limit 9223372036854771712').replace(/.*memsw.*\n/, '');
  put('open/cpuacct/c', { 'cpuacct.usage': '1' });
  put('open/memory/c', { 'memory.stat': stat, 'memory.usage_in_bytes': '100' });
  const use = readCgroupUse(v1Mounts('open'), 'c');
  assert.equal(use?.memory.limitBytes, undefined);
  assert.equal(use?.memory.swap, undefined);
  assert.equal(
    use?.memory.workingSetBytes,
    0n,
    'more was reclaimable than used: the files were read one after the other',
  );
  assert.equal(use?.tasks, undefined);
});

test('cgroup v2: microseconds, max, and the pressure texts', () => {
  const pressure =
    'some avg10=0.00 avg60=0.00 avg300=0.00 total=5\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n';
  put('v2/c', {
    'cpu.stat': 'usage_usec 15\nuser_usec 9\n',
    'memory.stat': 'anon 10\nfile 5\ninactive_file 4\npgfault 2\npgmajfault 1\n',
    'memory.current': '20\n',
    'memory.max': 'max\n',
    'memory.swap.current': '3\n',
    'memory.swap.max': '30\n',
    'pids.current': '2\n',
    'cpu.pressure': pressure,
    'memory.pressure': pressure,
    'io.pressure': pressure,
  });
  const use = readCgroupUse([{ path: join(root, 'v2'), controllers: undefined }], '/c');
  assert.equal(use?.cpuNanos, 15_000n);
  assert.deepEqual(use?.memory, {
    usageBytes: 20n,
    workingSetBytes: 16n,
    rssBytes: 10n,
    pageFaults: 2n,
    majorPageFaults: 1n,
    limitBytes: undefined,
    swap: { usageBytes: 3n, limitBytes: 30n },
  });
  assert.deepEqual(use?.pressure, { cpu: pressure, memory: pressure, io: pressure });
});

test('a cgroup that is gone has used nothing that is known', () => {
  assert.equal(readCgroupUse(v1Mounts('v1'), 'absent'), undefined);
  assert.equal(readCgroupUse([{ path: join(root, 'v2'), controllers: undefined }], 'absent'), undefined);
  assert.equal(readCgroupUse([], 'c'), undefined);
});
