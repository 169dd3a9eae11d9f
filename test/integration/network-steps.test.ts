// Every command of an attach fails in turn: it is not run, or it is run and its success is lost. Afterwards nothing is left
// of the pod in the network: no interface, address, record, rule or claim. Plugins and nft are the real ones, in a network
// namespace that stands for the host.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import { silentLogger } from '../../internal/log/logger.ts';
import { createMetrics } from '../../internal/metrics/metrics.ts';
import { CniPodNetwork } from '../../internal/network/cni-pod-network.ts';
import { HostPorts } from '../../internal/network/host-ports.ts';
import { PodHostPorts } from '../../internal/network/pod-host-ports.ts';
import type { NetworkRequest } from '../../internal/network/pod-network.ts';
import type { CommandRunner } from '../../internal/process/command-runner.ts';
import { ProcessError } from '../../internal/process/process-error.ts';
import { HostNamespace } from '../harness/host-namespace.ts';
import { nodeCommandRunner } from '../harness/node-command-runner.ts';
import { missing } from '../harness/requirements.ts';
import { ScriptedPlugin } from '../harness/scripted-plugin.ts';

const never = new AbortController().signal;
const kinds = ['not done', 'done, then failed'] as const;

function plannedFailure(argv: readonly string[]): ProcessError {
  const words = { stdout: '', stderr: 'planned failure' };
  return new ProcessError({ argv, exitCode: 1, signalName: null, timedOut: false, ...words });
}

describe('a failed command of an attach leaves nothing', { skip: missing('nft', 'iptables-save') }, () => {
  let root = '';
  let host: HostNamespace;
  let pod: HostNamespace;
  let plugin: ScriptedPlugin;
  let network: CniPodNetwork;
  /** The commands since the last `arm`: `ADD bridge`, `nft`. */
  const commands: string[] = [];
  let failAt = -1;
  let kind: (typeof kinds)[number] = 'not done';
  let brokenNft = false;
  const released: string[] = [];

  function arm(index: number, how: (typeof kinds)[number]): void {
    commands.length = 0;
    failAt = index;
    kind = how;
  }

  const runner: CommandRunner = {
    async run(argv, options, signal) {
      const verb = options.env?.['CNI_COMMAND'];
      const fails = commands.push([verb, basename(argv[0] ?? '')].join(' ').trim()) - 1 === failAt;
      if (brokenNft && verb === undefined) throw plannedFailure(argv);
      if (fails && kind === 'not done') throw plannedFailure(argv);
      const entered = ['/usr/bin/nsenter', `--net=${host.path}`, ...argv];
      const result = await nodeCommandRunner.run(entered, options, signal);
      if (fails) throw plannedFailure(argv);
      return result;
    },
  };

  function request(): NetworkRequest {
    return {
      sandboxId: 'steps',
      netnsPath: pod.path,
      podName: 'steps',
      podNamespace: 'test',
      podUid: 'uid',
      portMappings: [{ protocol: 'tcp', containerPort: 80, hostPort: 18_080, hostIp: '' }],
      ingressBitsPerSecond: undefined,
      egressBitsPerSecond: undefined,
      cgroupPath: undefined,
      podAnnotations: undefined,
    };
  }

  /** What the pod has in the network. */
  function traces(): string[] {
    const files = ['state/requests', 'state/results', 'state/deferred', 'leases/steps'].flatMap((folder) =>
      readdirSync(join(root, folder)).map((name) => `${folder}/${name}`),
    );
    const links = host.run('ip', '-o', 'link', 'show', 'type', 'veth').split('\n');
    const tables = host.run('nft', 'list', 'tables').split('\n');
    const rules = host.run('iptables-save', '-t', 'nat').split('\n');
    return [
      ...files.filter((name) => /\/(steps\.json|\d+\.)/.test(name)),
      ...links.filter((line) => line !== ''),
      ...tables.filter((line) => line.includes('cria_ports')),
      ...rules.filter((line) => line.startsWith('-A ')),
    ];
  }

  before(async () => {
    root = mkdtempSync(join(tmpdir(), 'cria-steps-'));
    for (const folder of ['net.d', 'leases/steps']) mkdirSync(join(root, folder), { recursive: true });
    host = new HostNamespace();
    pod = new HostNamespace();
    plugin = new ScriptedPlugin();
    const ipam = {
      type: 'host-local',
      dataDir: join(root, 'leases'),
      ranges: [[{ subnet: '10.213.78.0/24' }]],
    };
    const bridge = { type: 'bridge', bridge: 'cria-steps', isGateway: true, ipMasq: true, ipam };
    const list = { cniVersion: '1.0.0', name: 'steps', plugins: [bridge, { type: plugin.type }] };
    writeFileSync(join(root, 'net.d/10-steps.conflist'), JSON.stringify(list));
    const options = {
      configDirectory: join(root, 'net.d'),
      pluginDirectories: [plugin.directory, '/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'],
      defaultNetwork: undefined,
      stateDirectory: join(root, 'state'),
      mapsHostPorts: true,
      onReleased: async (sandboxId: string) => void released.push(sandboxId),
      firstRetryMs: 100,
      othersDirectory: join(root, 'others'),
      metrics: createMetrics({ collectors: [], defaultRuntime: 'runc' }).network,
      statusGraceMs: 0,
      addTimeoutMs: 60_000,
      delTimeoutMs: 60_000,
    };
    network = await CniPodNetwork.open(options, runner, silentLogger);
  });

  after(() => {
    pod?.destroy();
    host?.destroy();
    plugin?.destroy();
    rmSync(root, { recursive: true, force: true });
  });

  test('each in both ways, and the next attach works', async () => {
    arm(-1, 'not done');
    network.claimHostPorts(request());
    await network.attach(request(), never);
    const steps = [...commands];
    assert.deepEqual(steps, ['ADD bridge', 'ADD scripted', 'nft']);
    assert.notDeepEqual(traces(), []);
    await network.detach(request(), never);
    assert.deepEqual(traces(), []);
    for (const how of kinds) {
      for (const [index, step] of steps.entries()) {
        network.claimHostPorts(request());
        arm(index, how);
        await assert.rejects(network.attach(request(), never), DaemonError, `${step} ${how}`);
        assert.deepEqual(traces(), [], `${step} ${how}`);
        network.releaseHostPorts('steps');
        network.claimHostPorts({ ...request(), sandboxId: 'other' });
        network.releaseHostPorts('other');
      }
    }
    arm(-1, 'not done');
    await network.attach(request(), never);
    await network.detach(request(), never);
    assert.deepEqual(traces(), []);
  });

  test('rules that cannot be removed are removed in the background, and keep no pod', async () => {
    arm(-1, 'not done');
    await network.attach(request(), never);
    brokenNft = true;
    await assert.rejects(network.detach(request(), never), /planned failure/);
    assert.deepEqual(
      traces().filter((trace) => !trace.includes('cria_ports')),
      ['state/deferred/steps.json'],
      'DEL has been run all the same',
    );
    assert.equal(await network.detach(request(), never), 'deferred');
    brokenNft = false;
    const alive = setInterval(() => {}, 1000); // a retry keeps no process running
    while (traces().length > 0) await sleep(20);
    clearInterval(alive);
    assert.deepEqual(released, ['steps']);
    network.claimHostPorts({ ...request(), sandboxId: 'other' });
    network.releaseHostPorts('other');
  });

  test('rules that somebody flushes are written again', async () => {
    arm(-1, 'not done');
    const state = mkdtempSync(join(root, 'flushed-'));
    const warnings: string[] = [];
    const log = { ...silentLogger, warn: (_: object, message: string) => void warnings.push(message) };
    const ports = new HostPorts(state, runner, log);
    await ports.repair();
    assert.deepEqual(commands, [], 'a node without host ports runs nothing');
    const mapping = { protocol: 'tcp', containerPort: 80, hostPort: 18_081, hostIp: '10.213.79.1' } as const;
    const prefixes = ['10.213.78.9/24'];
    await ports.install({ ...request(), portMappings: [mapping], prefixes });
    const rules = (): string => host.run('nft', 'list', 'ruleset').replace(/.*(?=table inet cria)/s, '');
    const before = rules();
    assert.match(before, /18081/);
    await ports.repair();
    assert.deepEqual(warnings, []);
    host.run('nft', 'flush', 'ruleset');
    await ports.repair();
    assert.equal(rules(), before);
    assert.equal(warnings.length, 1);
    await ports.remove('steps');
    assert.doesNotMatch(rules(), /18081/);
  });

  test('rules of a former daemon that could not be removed at the start are removed by the upkeep', async () => {
    arm(-1, 'not done');
    const state = mkdtempSync(join(root, 'former-'));
    const mapping = { protocol: 'tcp', containerPort: 80, hostPort: 18_082, hostIp: '10.213.79.1' } as const;
    const former = new HostPorts(state, runner, silentLogger);
    await former.install({ ...request(), portMappings: [mapping], prefixes: ['10.213.78.9/24'] });
    const next = new PodHostPorts({ stateDirectory: state, mapsHostPorts: true }, runner, silentLogger);
    brokenNft = true;
    await next.restore([]);
    brokenNft = false;
    assert.match(host.run('nft', 'list', 'ruleset'), /18082/);
    await next.refresh();
    assert.doesNotMatch(host.run('nft', 'list', 'ruleset'), /18082/);
  });
});
