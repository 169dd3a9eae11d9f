import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { nodeCommandRunner } from '../../test/harness/node-command-runner.ts';
import { DaemonError, type ErrorKind } from '../errors/daemon-error.ts';
import { silentLogger } from '../log/logger.ts';
import { CniPodNetwork } from './cni-pod-network.ts';
import type { NetworkRequest } from './pod-network.ts';

const stub = fileURLToPath(new URL('../../../test/fixtures/cni/stub-plugin', import.meta.url));
const never = new AbortController().signal;
const netns = '/proc/self/ns/net';
const chain = {
  cniVersion: '1.0.0',
  name: 'pods',
  plugins: [{ type: 'first', mtu: 1400 }, { type: 'second' }, { type: 'third' }],
};

let root: string;
let plugins: string;
let configs: string;
let state: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cni-test-'));
  plugins = join(root, 'plugins');
  configs = join(root, 'net.d');
  state = join(root, 'state/network');
  mkdirSync(plugins);
  mkdirSync(configs);
  for (const name of ['first', 'second', 'third']) install(name);
  configure(chain);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function install(name: string): void {
  copyFileSync(stub, join(plugins, name));
  chmodSync(join(plugins, name), 0o755);
}

function configure(network: object, file = '10-pods.conflist'): void {
  writeFileSync(join(configs, file), JSON.stringify(network));
}

/** Makes the plugin run `script` at `command`. */
function at(plugin: string, command: 'ADD' | 'DEL' | 'CHECK', script: string): void {
  writeFileSync(join(plugins, `${plugin}.${command}`), `${script}\n`);
}

function always(plugin: string, command: 'ADD' | 'DEL' | 'CHECK'): void {
  rmSync(join(plugins, `${plugin}.${command}`));
}

/** What is kept on disk. */
function records(): string[] {
  return ['requests', 'results'].flatMap((kind) =>
    readdirSync(join(state, kind)).map((name) => `${kind}/${name}`),
  );
}

interface Call {
  readonly name: string;
  readonly env: Record<string, string>;
  readonly stdin: Record<string, unknown>;
}

/** The calls so far, oldest first, and forgets them. */
function takeCalls(): Call[] {
  const directory = join(plugins, 'calls');
  if (!existsSync(directory)) return [];
  const calls = readdirSync(directory)
    .sort()
    .map((entry) => ({
      name: entry.slice(4),
      stdin: JSON.parse(readFileSync(join(directory, entry, 'stdin'), 'utf8')),
      env: Object.fromEntries(
        readFileSync(join(directory, entry, 'env'), 'utf8')
          .trim()
          .split('\n')
          .map((line) => line.split(/=(.*)/s).slice(0, 2)),
      ),
    }));
  rmSync(directory, { recursive: true });
  return calls;
}

const names = (calls: Call[]): string[] => calls.map(({ name }) => name);
const allDel = ['third-DEL', 'second-DEL', 'first-DEL'];

function open(limits = {}): Promise<CniPodNetwork> {
  const options = {
    configDirectory: configs,
    pluginDirectories: [plugins],
    defaultNetwork: undefined,
    stateDirectory: state,
    mapsHostPorts: true,
  };
  return CniPodNetwork.open({ ...options, ...limits }, nodeCommandRunner, silentLogger);
}

function request(changes: Partial<NetworkRequest> = {}): NetworkRequest {
  return {
    sandboxId: 'abc123',
    netnsPath: netns,
    podName: 'web-0',
    podNamespace: 'shop',
    podUid: '1-2-3',
    portMappings: [],
    ingressBitsPerSecond: undefined,
    egressBitsPerSecond: undefined,
    cgroupPath: undefined,
    ...changes,
  };
}

async function rejects(promise: Promise<unknown>, kind: ErrorKind, message: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof DaemonError, String(error));
    assert.match(error.message, message);
    assert.equal(error.kind, kind);
    return true;
  });
}

test('attach runs ADD in order and hands each result to the next plugin', async () => {
  const network = await open();
  const { ips, networkName, cniResult } = await network.attach(request(), never);
  assert.deepEqual(ips, ['10.1.2.3', 'fd00::3']);
  assert.equal(networkName, 'pods');
  assert.equal((cniResult as { by: string }).by, 'third');
  const calls = takeCalls();
  assert.deepEqual(names(calls), ['first-ADD', 'second-ADD', 'third-ADD']);
  assert.deepEqual(calls[0]?.stdin, { type: 'first', mtu: 1400, name: 'pods', cniVersion: '1.0.0' });
  assert.deepEqual(
    calls.map(({ stdin }) => (stdin['prevResult'] as { by?: string } | undefined)?.by),
    [undefined, 'first', 'second'],
  );
});

test('attach gives plugins the environment of the specification and a search path, nothing else', async () => {
  await (await open()).attach(request(), never);
  const { PWD: _pwd, OLDPWD: _oldPwd, _: _last, SHLVL: _level, ...env } = takeCalls()[0]!.env;
  assert.deepEqual(env, {
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: 'abc123',
    CNI_NETNS: netns,
    CNI_IFNAME: 'eth0',
    CNI_ARGS:
      'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=abc123;K8S_POD_UID=1-2-3',
    CNI_PATH: plugins,
    PATH: process.env['PATH'],
  });
});

test('attach passes runtimeConfig only to plugins with the capability', async () => {
  const capabilities = { portMappings: true, bandwidth: true, cgroupPath: false };
  configure({ ...chain, plugins: [{ type: 'first' }, { type: 'second', capabilities }] });
  const portMappings = [
    { protocol: 'tcp', containerPort: 80, hostPort: 8080, hostIp: '' },
    { protocol: 'udp', containerPort: 53, hostPort: 53, hostIp: '127.0.0.1' },
    { protocol: 'tcp', containerPort: 443, hostPort: 0, hostIp: '' },
  ] as const;
  const network = await open();
  await network.attach(request({ portMappings, ingressBitsPerSecond: 10n ** 7n, cgroupPath: '/pod' }), never);
  await network.detach(request(), never);
  const calls = takeCalls();
  const runtimeConfig = {
    portMappings: [
      { protocol: 'tcp', containerPort: 80, hostPort: 8080 },
      { protocol: 'udp', containerPort: 53, hostPort: 53, hostIP: '127.0.0.1' },
    ],
    bandwidth: { ingressRate: 10_000_000, ingressBurst: 34_359_738_359 },
  };
  assert.deepEqual(names(calls), ['first-ADD', 'second-ADD', 'second-DEL', 'first-DEL']);
  assert.deepEqual(
    calls.map(({ stdin }) => stdin['runtimeConfig']),
    [undefined, runtimeConfig, runtimeConfig, undefined],
  );
  assert.ok(calls.every(({ stdin }) => !('capabilities' in stdin)));
});

test('attach refuses values that plugins would misread', async () => {
  const network = await open();
  for (const wrong of [
    { podName: 'a;K8S_POD_UID=x' },
    { podNamespace: 'a=b' },
    { podUid: 'a\nb' },
    { sandboxId: '../up' },
  ]) {
    await rejects(
      network.attach(request(wrong), never),
      'invalid-argument',
      /cannot be passed to network plugins/,
    );
  }
  await network.detach(request({ sandboxId: '../up' }), never);
  assert.deepEqual(takeCalls(), []);
});

test('attach runs DEL of all plugins and keeps nothing when one fails', async () => {
  at(
    'second',
    'ADD',
    `echo '{"cniVersion":"1.0.0","code":11,"msg":"pool is busy","details":"range 1"}'; exit 1`,
  );
  const message =
    /^network "pods" of pod "shop\/web-0": ADD of CNI plugin "second" failed: pool is busy; range 1 \(code 11\)$/;
  await rejects((await open()).attach(request(), never), 'unavailable', message);
  const calls = takeCalls();
  assert.deepEqual(names(calls), ['first-ADD', 'second-ADD', ...allDel]);
  assert.equal((calls[2]!.stdin['prevResult'] as { by: string }).by, 'first');
  assert.deepEqual(records(), []);
});

test('attach rolls back when a plugin prints no JSON, nothing, no address, a wrong address or breaks without a report', async () => {
  const cases: [string, RegExp][] = [
    ['echo hello; exit 0', /printed no JSON result: hello$/],
    ['exit 0', /printed no result$/],
    [`echo '{"cniVersion":"1.0.0"}'; exit 0`, /gave the pod no address/],
    [`echo '{"cniVersion":"1.0.0","ips":[{"address":"x/24"}]}'; exit 0`, /wrong address/],
    ['echo segfault >&2; exit 139', /failed without an error report: segfault$/],
  ];
  const network = await open();
  for (const [script, message] of cases) {
    at('third', 'ADD', script);
    await rejects(network.attach(request(), never), 'internal', message);
    assert.deepEqual(names(takeCalls()).slice(3), allDel);
    assert.deepEqual(records(), []);
  }
});

test('attach kills a plugin that hangs and rolls back', async () => {
  at('second', 'ADD', 'sleep 600');
  const network = await open({ addTimeoutMs: 3000 });
  await rejects(
    network.attach(request(), never),
    'deadline-exceeded',
    /"second" did not end in time and was killed/,
  );
  assert.deepEqual(names(takeCalls()).slice(2), allDel);
});

test('attach kills the plugin and rolls back when its signal aborts', async () => {
  const started = join(root, 'started');
  at('first', 'ADD', `echo > ${started}; sleep 600`);
  const abort = new AbortController();
  const looking = setInterval(() => {
    if (existsSync(started)) abort.abort();
  }, 10);
  await rejects((await open()).attach(request(), abort.signal), 'cancelled', /"first" was cancelled/);
  clearInterval(looking);
  assert.deepEqual(names(takeCalls()), ['first-ADD', ...allDel]);
});

test('attach of an attached sandbox names the first until it is detached', async () => {
  const network = await open();
  await network.attach(request(), never);
  await rejects(
    network.attach(request(), never),
    'already-exists',
    /with 10\.1\.2\.3, fd00::3 to network "pods": detach it first/,
  );
  await network.detach(request(), never);
  await network.attach(request(), never);
});

test('attach refuses a namespace that is gone, a missing plugin and a missing network before it runs anything', async () => {
  const network = await open();
  await rejects(
    network.attach(request({ netnsPath: join(root, 'gone') }), never),
    'failed-precondition',
    /is gone/,
  );
  rmSync(join(plugins, 'third'));
  await rejects(
    network.attach(request(), never),
    'unavailable',
    /plugin "third" is in none of the plugin directories \(.*plugins\)/,
  );
  rmSync(join(configs, '10-pods.conflist'));
  await rejects(network.attach(request(), never), 'unavailable', /no usable CNI network configuration/);
  assert.deepEqual([takeCalls(), records()], [[], []]);
});

test('detach runs DEL in reverse with the final result, and once only', async () => {
  const network = await open();
  await network.attach(request(), never);
  takeCalls();
  await network.detach(request(), never);
  const calls = takeCalls();
  assert.deepEqual(names(calls), allDel);
  assert.ok(
    calls.every(
      ({ stdin, env }) =>
        (stdin['prevResult'] as { by: string }).by === 'third' && env['CNI_NETNS'] === netns,
    ),
  );
  await network.detach(request(), never);
  assert.deepEqual([takeCalls(), records()], [[], []]);
});

test('detach of a new instance uses the configuration and request that ADD had', async () => {
  await (await open()).attach(request({ egressBitsPerSecond: 5n }), never);
  takeCalls();
  configure({ ...chain, name: 'other', plugins: [{ type: 'third' }] });
  await (await open()).detach(request({ podName: 'renamed' }), never);
  const calls = takeCalls();
  assert.deepEqual(names(calls), allDel);
  assert.ok(
    calls.every(
      ({ stdin, env }) => stdin['name'] === 'pods' && env['CNI_ARGS']?.includes('K8S_POD_NAME=web-0'),
    ),
  );
  assert.equal(calls[2]!.stdin['mtu'], 1400);
});

test('detach works after a crash in the middle of ADD', async () => {
  // the record as it is on disk while ADD runs, taken by the plugin itself
  at('second', 'ADD', `cp ${state}/requests/abc123.json ${root}/taken`);
  await (await open()).attach(request(), never);
  copyFileSync(join(root, 'taken'), join(state, 'requests/abc123.json'));
  rmSync(join(state, 'results/abc123.json'));
  writeFileSync(join(state, 'requests/.abc123.json.0123.tmp'), '{"ver');
  takeCalls();
  const network = await open();
  await rejects(
    network.attach(request(), never),
    'already-exists',
    /has an unfinished attach to network "pods"/,
  );
  await network.detach(request(), never);
  const calls = takeCalls();
  assert.deepEqual(names(calls), allDel);
  assert.ok(calls.every(({ stdin }) => !('prevResult' in stdin)));
  assert.deepEqual(records(), []);
});

test('detach gives plugins no namespace when it is gone', async () => {
  const network = await open();
  await network.attach(request(), never);
  const path = join(state, 'requests/abc123.json');
  writeFileSync(path, readFileSync(path, 'utf8').replace(netns, '/etc/hostname'));
  takeCalls();
  await network.detach(request(), never);
  const calls = takeCalls();
  assert.deepEqual(names(calls), allDel);
  assert.ok(calls.every(({ env }) => env['CNI_NETNS'] === ''));
});

test('detach goes on after a failed plugin, and is complete again when retried', async () => {
  const network = await open({ delTimeoutMs: 3000 });
  await network.attach(request(), never);
  takeCalls();
  at('third', 'DEL', 'sleep 600');
  at('second', 'DEL', `echo '{"code":100,"msg":"lock"}'; exit 1`);
  await rejects(
    network.detach(request(), never),
    'deadline-exceeded',
    /DEL of CNI plugin "third" did not end in time/,
  );
  assert.deepEqual(names(takeCalls()), allDel);
  always('third', 'DEL');
  await rejects(
    network.detach(request(), never),
    'internal',
    /DEL of CNI plugin "second" failed: lock \(code 100\)/,
  );
  always('second', 'DEL');
  takeCalls();
  await network.detach(request(), never);
  assert.deepEqual(names(takeCalls()), allDel);
  assert.deepEqual(records(), []);
});

test('detach of a sandbox whose record is unreadable uses the current network and sets the record aside', async () => {
  const network = await open();
  writeFileSync(join(state, 'requests/abc123.json'), '{"version":1,"netw');
  await network.detach(request(), never);
  const calls = takeCalls();
  assert.deepEqual(names(calls), allDel);
  assert.deepEqual(records(), ['requests/abc123.json.unreadable']);
  await network.detach(request(), never);
  assert.deepEqual(takeCalls(), []);
});

test('check runs CHECK in order with the final result, from version 0.4.0 and when not disabled', async () => {
  const network = await open();
  await rejects(network.check(request(), never), 'failed-precondition', /is not attached/);
  await network.attach(request(), never);
  takeCalls();
  await network.check(request(), never);
  const calls = takeCalls();
  assert.deepEqual(names(calls), ['first-CHECK', 'second-CHECK', 'third-CHECK']);
  assert.ok(calls.every(({ stdin }) => (stdin['prevResult'] as { by: string }).by === 'third'));
  at('second', 'CHECK', `echo '{"code":100,"msg":"route is missing"}'; exit 1`);
  await rejects(
    network.check(request(), never),
    'internal',
    /CHECK of CNI plugin "second" failed: route is missing/,
  );
  for (const changes of [{ cniVersion: '0.3.1' }, { disableCheck: true }]) {
    await network.detach(request(), never);
    configure({ ...chain, ...changes });
    await network.attach(request(), never);
    takeCalls();
    await network.check(request(), never);
    assert.deepEqual(takeCalls(), []);
  }
});

test('detach before version 0.4.0 has no prevResult', async () => {
  configure({ ...chain, cniVersion: '0.3.1' });
  const network = await open();
  await network.attach(request(), never);
  await network.detach(request(), never);
  assert.ok(
    takeCalls()
      .slice(3)
      .every(({ stdin }) => !('prevResult' in stdin)),
  );
});

test('operations of one sandbox run one after the other', async () => {
  const network = await open();
  at('first', 'ADD', 'sleep 0.1');
  await Promise.all([network.attach(request(), never), network.detach(request(), never)]);
  assert.deepEqual(names(takeCalls()), ['first-ADD', 'second-ADD', 'third-ADD', ...allDel]);
});
