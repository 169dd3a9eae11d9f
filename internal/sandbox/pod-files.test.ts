import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { resolvConf, writePodFiles } from './pod-files.ts';
import { sandboxPaths } from './sandbox-files.ts';
import { bandwidthOf } from './sandbox-network.ts';

test('resolvConf writes servers, searches and options in that order', () => {
  const dns = { servers: ['10.10.10.10', 'fd00::1'], searches: ['a.b', 'c'], options: ['ndots:8', 'edns0'] };
  const expected = 'nameserver 10.10.10.10\nnameserver fd00::1\nsearch a.b c\noptions ndots:8 edns0\n';
  assert.equal(resolvConf(dns), expected);
  assert.equal(resolvConf({ servers: [], searches: [], options: [] }), '');
});

test('writePodFiles copies the host’s resolv.conf where the DNS settings say nothing', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'pod-files-'));
  try {
    const file = (name: string) => join(directory, name);
    const id = 'a'.repeat(64);
    const paths = sandboxPaths({ data: directory, run: directory }, id);
    await mkdir(paths.runDirectory);
    const hostResolvConf = file('host');
    await writeFile(hostResolvConf, 'nameserver 192.0.2.1\n');
    const empty = { servers: [], searches: [], options: [] };
    const written = async (dns: Parameters<typeof resolvConf>[0] | undefined) => {
      await writePodFiles(paths, { hostname: 'pod', dns, hostResolvConf });
      return readFile(paths.resolvConf, 'utf8');
    };
    assert.equal(await written(undefined), 'nameserver 192.0.2.1\n');
    assert.equal(await written(empty), 'nameserver 192.0.2.1\n');
    assert.equal(await written({ ...empty, options: ['edns0'] }), 'options edns0\n');
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('resolvConf refuses what would be a line of its own', () => {
  for (const bad of ['', 'a b', 'x\nnameserver 1.2.3.4', 'x\0']) {
    assert.throws(() => resolvConf({ servers: [bad], searches: [], options: [] }), {
      kind: 'invalid-argument',
    });
  }
});

test('bandwidth reads Kubernetes quantities of bits per second', () => {
  const read = (text: string): bigint | undefined =>
    bandwidthOf({ 'kubernetes.io/ingress-bandwidth': text }).ingressBitsPerSecond;
  assert.deepEqual(['1k', '10M', '2Gi', '1000'].map(read), [1000n, 10_000_000n, 2n * 1024n ** 3n, 1000n]);
  assert.deepEqual(['1.5M', '0.5Gi', '1e6'].map(read), [1_500_000n, 512n * 1024n ** 2n, 1_000_000n]);
  assert.deepEqual(bandwidthOf({}), { ingressBitsPerSecond: undefined, egressBitsPerSecond: undefined });
  for (const bad of ['', '999', '2P', '-1M', '1.5', '1e99', '10m', 'fast'])
    assert.throws(() => read(bad), /between 1k and 1P/);
});
