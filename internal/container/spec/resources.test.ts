import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainResources } from '../../../test/fixtures/spec-input.ts';
import type { LinuxResources } from '../container-config.ts';
import {
  ofNewCgroup,
  oomScoreAdj,
  type ResourceDefaults,
  type ResourceHost,
  resources,
} from './resources.ts';

const host: ResourceHost = { cgroupV2: false, swapAccounting: true, hugetlbPageSizes: ['2MB'] };
const defaults: ResourceDefaults = { pidsLimit: -1, containerMinMemoryBytes: 1024 };

function of(part: Partial<LinuxResources>, onHost = host, withDefaults = defaults) {
  const { devices: _, ...rest } = resources({ ...plainResources, ...part }, onHost, withDefaults, []);
  return rest;
}

const cases: readonly (readonly [name: string, part: Partial<LinuxResources>, expected: object])[] = [
  ['nothing', {}, {}],
  [
    'cpu',
    { cpuPeriod: 100_000n, cpuQuota: -1n, cpuShares: 2n, cpusetCpus: '0-1,3', cpusetMems: '0' },
    { cpu: { shares: 2, quota: -1, period: 100_000, cpus: '0-1,3', mems: '0' } },
  ],
  ['memory means no swap', { memoryLimitBytes: 4096n }, { memory: { limit: 4096, swap: 4096 } }],
  [
    'memory and swap',
    { memoryLimitBytes: 4096n, memorySwapLimitBytes: 8192n },
    { memory: { limit: 4096, swap: 8192 } },
  ],
  [
    'unlimited swap',
    { memoryLimitBytes: 4096n, memorySwapLimitBytes: -1n },
    { memory: { limit: 4096, swap: -1 } },
  ],
  [
    'huge pages of sizes that the host can limit, zero too',
    {
      hugepageLimits: [
        { pageSize: '2MB', limitBytes: 0n },
        { pageSize: '1GB', limitBytes: 0n },
      ],
    },
    { hugepageLimits: [{ pageSize: '2MB', limit: 0 }] },
  ],
];

for (const [name, part, expected] of cases) {
  test(`resources: ${name}`, () => {
    assert.deepEqual(of(part), expected);
  });
}

test('resources refuses huge pages of a size that the host cannot limit', () => {
  const asked = (pageSize: string) => ({ hugepageLimits: [{ pageSize, limitBytes: 4_194_304n }] });
  assert.deepEqual(of(asked('2MB')), { hugepageLimits: [{ pageSize: '2MB', limit: 4_194_304 }] });
  assert.throws(() => of(asked('1GB')), /huge pages of 1GB cannot be limited to 4194304 bytes: .* only 2MB/);
  const none = { ...host, hugetlbPageSizes: [] };
  assert.throws(() => of(asked('2MB'), none), {
    kind: 'failed-precondition',
    message: /this host has no hugetlb cgroup controller/,
  });
});

test('resources keeps CPU shares within the bounds of the kernel', () => {
  for (const [asked, shares] of [
    [1n, 2],
    [2n, 2],
    [262_144n, 262_144],
    [300_000n, 262_144],
  ] as const)
    assert.deepEqual(of({ cpuShares: asked }), { cpu: { shares } });
});

test('a new cgroup is not told that it has no quota', () => {
  const limits = { ...plainResources, cpuQuota: -1n, cpuPeriod: 100_000n };
  assert.deepEqual(ofNewCgroup(limits), { ...limits, cpuQuota: 0n });
  assert.deepEqual(ofNewCgroup({ ...limits, cpuQuota: 5000n }), { ...limits, cpuQuota: 5000n });
});

test('resources: what the host and the options decide', () => {
  assert.deepEqual(of({ memoryLimitBytes: 4096n }, { ...host, swapAccounting: false }), {
    memory: { limit: 4096 },
  });
  assert.deepEqual(of({}, host, { ...defaults, pidsLimit: 9 }), { pids: { limit: 9 } });
  assert.deepEqual(of({}, host, { ...defaults, pidsLimit: 0 }), {});
  const unified = { 'memory.oom.group': '1' };
  assert.deepEqual(of({ unified }, { ...host, cgroupV2: true }), { unified });
  assert.throws(() => of({ unified }), { kind: 'failed-precondition' });
});

for (const [name, part] of [
  ['memory below the minimum', { memoryLimitBytes: 1023n }],
  ['swap below memory', { memoryLimitBytes: 4096n, memorySwapLimitBytes: 4095n }],
  ['swap without memory', { memorySwapLimitBytes: 4096n }],
  ['a number that JSON cannot hold', { memoryLimitBytes: 2n ** 62n }],
  ['a cpu list that is none', { cpusetCpus: '0-1\n' }],
  ['a cpu list that runs backwards', { cpusetCpus: '0,3-1' }],
  ['a quota of less than the kernel takes', { cpuQuota: 999n }],
  ['a period of less than the kernel takes', { cpuPeriod: 999n }],
  ['a period of more than the kernel takes', { cpuPeriod: 1_000_001n }],
] as const) {
  test(`resources refuses ${name}`, () => {
    assert.throws(() => of(part), { kind: 'invalid-argument' });
  });
}

for (const name of [
  '../cgroup.procs',
  'memory/max',
  'memory.max\n',
  'memory',
  '',
  'cgroup.procs',
  'cgroup.kill',
]) {
  test(`resources refuses the unified name ${JSON.stringify(name)}`, () => {
    assert.throws(() => of({ unified: { [name]: '1' } }, { ...host, cgroupV2: true }), {
      kind: 'invalid-argument',
    });
  });
}

test('oomScoreAdj stays within what the daemon may write', () => {
  assert.equal(oomScoreAdj(-997, -1000), -997);
  assert.equal(oomScoreAdj(-997, 0), 0);
  assert.equal(oomScoreAdj(2000, 0), 1000);
});
