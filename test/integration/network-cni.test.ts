// The pod network with the real bridge, host-local and portmap plugins. The "host" is a network namespace of the test's
// own, in which the plugins run: the machine's own bridges, rules and forwarding settings are not touched.

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLogger } from '../../internal/log/logger.ts';
import { createMetrics } from '../../internal/metrics/metrics.ts';
import { CniPodNetwork } from '../../internal/network/cni-pod-network.ts';
import type { NetworkRequest } from '../../internal/network/pod-network.ts';
import type { CommandRunner } from '../../internal/process/command-runner.ts';
import { nodeCommandRunner } from '../harness/node-command-runner.ts';
import { until } from '../harness/until.ts';

const pluginDirectories = ['/usr/lib/cni', '/opt/cni/bin'];
const never = new AbortController().signal;
const host = `cria-host-${process.pid}`;
const pods = [1, 2, 3].map((number) => `cria-pod${number}-${process.pid}`);
const hostPort = 18_080;

let root = '';
let network: CniPodNetwork;
const children: ChildProcess[] = [];

function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  for (const tool of ['/usr/bin/nsenter', '/usr/sbin/ip', '/usr/sbin/iptables-save', '/usr/bin/busybox'])
    if (!existsSync(tool)) return `needs ${tool}`;
  for (const plugin of ['bridge', 'host-local', 'portmap'])
    if (!pluginDirectories.some((directory) => existsSync(join(directory, plugin))))
      return `needs the CNI plugin ${plugin} in ${pluginDirectories.join(' or ')}`;
  return false;
}
const skip = whyNot();

const enter = (namespace: string): string[] => ['/usr/bin/nsenter', `--net=/run/netns/${namespace}`];

function inside(namespace: string, ...argv: string[]): string {
  const [program, ...args] = [...enter(namespace), ...argv];
  return execFileSync(program!, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

const hostRunner: CommandRunner = {
  run: (argv, options, signal) => nodeCommandRunner.run([...enter(host), ...argv], options, signal),
};

/**
 * The host's rules, without counters. Left out is what portmap makes once per host and keeps by design: the chains
 * CNI-HOSTPORT-{DNAT,SETMARK,MASQ}, the jumps to them and the mark; not their rules for a pod (chain CNI-DN-*).
 */
function rules(): string[] {
  const appended = savedLines().filter((line) => line.startsWith('-A '));
  return appended.filter((line) => /CNI-DN-/.test(line) || !/CNI-HOSTPORT-/.test(line));
}

/** The chains that plugins made for one pod. */
function podChains(): string[] {
  return savedLines().filter((line) => /^:CNI-(?!HOSTPORT)/.test(line));
}

function savedLines(): string[] {
  return inside(host, '/usr/sbin/iptables-save').split('\n');
}

function leases(): string[] {
  const directory = join(root, 'leases/cria-test');
  if (!existsSync(directory)) return [];
  return readdirSync(directory).filter((name) => name.startsWith('10.'));
}

function veths(): string[] {
  return inside(host, '/usr/sbin/ip', '-o', 'link', 'show', 'type', 'veth')
    .split('\n')
    .filter((line) => line !== '');
}

function request(number: number, changes: Partial<NetworkRequest> = {}): NetworkRequest {
  return {
    sandboxId: `sandbox${number}`,
    netnsPath: `/run/netns/${pods[number - 1]}`,
    podName: `pod${number}`,
    podNamespace: 'test',
    podUid: `uid${number}`,
    portMappings: [],
    ingressBitsPerSecond: undefined,
    egressBitsPerSecond: undefined,
    cgroupPath: undefined,
    podAnnotations: undefined,
    ...changes,
  };
}

const server = `require('net').createServer((peer) => peer.end('from the pod')).listen(8080, '::')`;

/** What the pod's server says at a port of the host's loopback address; throws when nobody listens. */
function ask(port: number): string {
  const client = `require('net').connect({ host: '127.0.0.1', port: ${port}, timeout: 20000 })
    .on('timeout', () => process.exit(1)).pipe(process.stdout)`;
  return inside(host, process.execPath, '-e', client);
}

/** The words of a failure, or undefined when it worked. */
function failureOf(body: () => unknown): string | undefined {
  try {
    body();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

before(async () => {
  if (skip !== false) return;
  root = mkdtempSync(join(tmpdir(), 'cni-integration-'));
  for (const namespace of [host, ...pods]) execFileSync('/usr/sbin/ip', ['netns', 'add', namespace]);
  for (const namespace of [host, ...pods]) inside(namespace, '/usr/sbin/ip', 'link', 'set', 'lo', 'up');
  const configDirectory = join(root, 'net.d');
  mkdirSync(configDirectory);
  const ipam = {
    type: 'host-local',
    dataDir: join(root, 'leases'),
    ranges: [[{ subnet: '10.213.77.0/24' }], [{ subnet: 'fd00:213:77::/64' }]],
    routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
  };
  const bridge = {
    type: 'bridge',
    bridge: 'cria-t0',
    isGateway: true,
    ipMasq: true,
    hairpinMode: true,
    ipam,
  };
  const portmap = { type: 'portmap', capabilities: { portMappings: true }, snat: true };
  const list = { cniVersion: '1.0.0', name: 'cria-test', plugins: [bridge, portmap] };
  writeFileSync(join(configDirectory, '10-test.conflist'), JSON.stringify(list));
  const stateDirectory = join(root, 'network');
  const options = {
    configDirectory,
    pluginDirectories,
    defaultNetwork: undefined,
    stateDirectory,
    mapsHostPorts: true,
    addTimeoutMs: 60_000,
    statusGraceMs: 0,
    delTimeoutMs: 60_000,
    onReleased: async () => {},
    metrics: createMetrics({ collectors: [], defaultRuntime: 'runc' }).network,
  };
  network = await CniPodNetwork.open(options, hostRunner, silentLogger);
});

after(() => {
  for (const child of children) child.kill('SIGKILL');
  if (root === '') return;
  for (const namespace of [host, ...pods]) {
    if (existsSync(`/run/netns/${namespace}`)) execFileSync('/usr/sbin/ip', ['netns', 'del', namespace]);
  }
  rmSync(root, { recursive: true, force: true });
});

test('a pod is reachable and leaves nothing behind', { skip }, async (t) => {
  assert.deepEqual(network.readiness(), { ready: true });
  const rulesBefore = rules();
  const addStart = performance.now();
  const { ips, networkName } = await network.attach(request(1), never);
  const addMs = performance.now() - addStart;
  assert.equal(networkName, 'cria-test');
  assert.deepEqual(ips, ['10.213.77.2', 'fd00:213:77::2']);
  assert.match(inside(pods[0]!, '/usr/sbin/ip', 'addr', 'show', 'eth0'), /inet 10\.213\.77\.2\/24/);
  inside(host, '/usr/bin/busybox', 'ping', '-c', '1', '-W', '60', '10.213.77.2');
  await network.check(request(1), never);
  assert.deepEqual([leases().length, veths().length], [1, 1]);

  const delStart = performance.now();
  await network.detach(request(1), never);
  t.diagnostic(`ADD ${addMs.toFixed(1)} ms, DEL ${(performance.now() - delStart).toFixed(1)} ms`);
  assert.deepEqual([leases(), veths(), podChains(), rules()], [[], [], [], rulesBefore]);
  await network.detach(request(1), never);
});

test('a host port leads to the pod until it is detached', { skip }, async () => {
  const rulesBefore = rules();
  const mapping = { protocol: 'tcp', containerPort: 8080, hostPort, hostIp: '' } as const;
  await network.attach(request(2, { portMappings: [mapping] }), never);
  const [program, ...args] = [...enter(pods[1]!), process.execPath, '-e', server];
  children.push(spawn(program!, args, { stdio: 'ignore' }));
  let answer = '';
  await until('the server answers', () => {
    failureOf(() => {
      answer = ask(hostPort);
    });
    return answer !== '';
  });
  assert.equal(answer, 'from the pod');
  await network.detach(request(2, { portMappings: [mapping] }), never);
  assert.notEqual(
    failureOf(() => ask(hostPort)),
    undefined,
  );
  assert.deepEqual([leases(), veths(), podChains(), rules()], [[], [], [], rulesBefore]);
});

test('a pod whose namespace is gone is released', { skip }, async () => {
  const mapping = { protocol: 'tcp', containerPort: 8080, hostPort, hostIp: '' } as const;
  await network.attach(request(3, { portMappings: [mapping] }), never);
  assert.equal(leases().length, 1);
  execFileSync('/usr/sbin/ip', ['netns', 'del', pods[2]!]);
  await network.detach(request(3), never);
  assert.deepEqual([leases(), veths()], [[], []]);
  // The bridge plugin reads the address to unmasquerade from the namespace, and older ones keep that rule without it.
  const left = rules().filter((rule) => /CNI-DN-/.test(rule) || rule.includes(String(hostPort)));
  assert.deepEqual(left, []);
});
