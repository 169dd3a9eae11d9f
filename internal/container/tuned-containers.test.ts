import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerConfig } from './container-config.ts';
import type { PodContext } from './container-parts.ts';
import { podFeatures } from './pod-features.ts';
import { tuningOf } from './tuned-containers.ts';

interface Asked {
  readonly annotations: Record<string, string>;
  readonly cgroupParent?: string;
  readonly cpuShares?: bigint;
  readonly sharedCpus?: string;
  readonly allowed?: readonly string[];
}

function wishes({
  annotations,
  cgroupParent = '/kubepods/pod1',
  cpuShares = 2048n,
  allowed,
  sharedCpus = '0-1',
}: Asked) {
  const features = podFeatures(annotations, {
    allowedAnnotations: allowed ?? ['irq-', 'cpu-'],
    workloads: [],
  });
  const pod = { facts: { annotations }, cgroupParent } as unknown as PodContext;
  const config = { metadata: { name: 'main' }, resources: { cpuShares } } as unknown as ContainerConfig;
  return tuningOf(pod, { features, sharedCpus }, config);
}

const quiet = { 'irq-load-balancing.crio.io': 'disable' };

test('only containers of guaranteed pods with whole CPUs, as far as the administrator allows', () => {
  assert.deepEqual(wishes({ annotations: quiet }), { irq: 'disable' });
  assert.equal(wishes({ annotations: {} }), undefined);
  assert.equal(wishes({ annotations: quiet, allowed: ['cpu-'] }), undefined);
  assert.equal(wishes({ annotations: quiet, cpuShares: 1536n }), undefined);
  assert.equal(wishes({ annotations: quiet, cpuShares: 0n }), undefined);
  assert.equal(wishes({ annotations: quiet, cgroupParent: 'kubepods-burstable-pod1.slice' }), undefined);
  assert.equal(wishes({ annotations: quiet, cgroupParent: '/kubepods/besteffort/pod1' }), undefined);
});

test('what a container’s own annotation says goes before that of its pod', () => {
  assert.equal(wishes({ annotations: { ...quiet, 'irq-load-balancing.crio.io/main': 'enable' } }), undefined);
  assert.deepEqual(wishes({ annotations: { ...quiet, 'irq-load-balancing.crio.io/other': 'enable' } }), {
    irq: 'disable',
  });
});

test('each annotation in its own words', () => {
  const said = (name: string, value: string) => wishes({ annotations: { [`${name}.crio.io`]: value } });
  assert.deepEqual(said('irq-load-balancing', 'true'), { irq: 'disable' });
  assert.deepEqual(said('irq-load-balancing', 'housekeeping'), { irq: 'housekeeping' });
  assert.deepEqual(said('cpu-load-balancing', 'disable'), { withoutLoadBalancing: true });
  assert.equal(said('cpu-load-balancing', 'enable'), undefined);
  assert.deepEqual(said('cpu-c-states', 'disable'), { resumeLatency: 'n/a' });
  assert.deepEqual(said('cpu-c-states', 'enable'), { resumeLatency: '0' });
  assert.deepEqual(said('cpu-c-states', 'max_latency:010'), { resumeLatency: '10' });
  for (const value of ['max_latency:0', 'max_latency:-1', 'max_latency:', '10', 'max_latency:1.5'])
    assert.throws(() => said('cpu-c-states', value), { kind: 'invalid-argument' }, value);
  assert.deepEqual(said('cpu-freq-governor', 'performance'), { governor: 'performance' });
  for (const value of ['', 'a b', 'performance\n', '../x'])
    assert.throws(() => said('cpu-freq-governor', value), { kind: 'invalid-argument' }, value);
  assert.deepEqual(said('cpu-shared', 'enable'), { sharedCpus: '0-1' });
  assert.equal(said('cpu-shared', 'disable'), undefined);
  assert.throws(() => said('cpu-shared', 'true'), { kind: 'invalid-argument' });
  assert.throws(() => said('cpu-load-balancing', 'off'), /is "off", expected "disable" or "enable"/);
});

test('shared CPUs that the node does not have', () => {
  const annotations = { 'cpu-shared.crio.io/main': 'enable' };
  assert.throws(() => wishes({ annotations, sharedCpus: '' }), {
    kind: 'failed-precondition',
    message:
      'container "main" asks for shared CPUs, but the node has none; set shared_cpuset in [crio.runtime]',
  });
  assert.equal(wishes({ annotations, sharedCpus: '', cpuShares: 512n }), undefined);
});
