import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  allDel,
  at,
  chain,
  configure,
  names,
  netns,
  never,
  open,
  paths,
  records,
  rejects,
  request,
  takeCalls,
  useStubPlugins,
} from '../../test/fixtures/stub-plugins.ts';

useStubPlugins();

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
    CNI_PATH: paths.plugins,
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

test('the annotations of the pod are for plugins that ask for them, also at a DEL by the next daemon', async () => {
  const capabilities = { 'io.kubernetes.cri.pod-annotations': true };
  configure({ ...chain, plugins: [{ type: 'first' }, { type: 'second', capabilities }] });
  const podAnnotations = { 'example.com/vlan': '12', note: '{"a":"b"}' };
  await (await open()).attach(request({ podAnnotations }), never);
  await (await open()).detach(request(), never);
  const calls = takeCalls();
  assert.deepEqual(names(calls), ['first-ADD', 'second-ADD', 'second-DEL', 'first-DEL']);
  const told = { 'io.kubernetes.cri.pod-annotations': podAnnotations };
  assert.deepEqual(
    calls.map(({ stdin }) => stdin['runtimeConfig']),
    [undefined, told, told, undefined],
  );
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
    ['echo segfault >&2; exit 139', /exited with code 139 without an error report: segfault$/],
    ['kill -9 $$', /was killed by SIGKILL without an error report$/],
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
  const started = join(paths.root, 'started');
  at('first', 'ADD', `echo > ${started}; sleep 600`);
  const abort = new AbortController();
  const looking = setInterval(() => {
    if (existsSync(started)) abort.abort();
  }, 10);
  try {
    await rejects((await open()).attach(request(), abort.signal), 'cancelled', /"first" was cancelled/);
  } finally {
    clearInterval(looking);
  }
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
    network.attach(request({ netnsPath: join(paths.root, 'gone') }), never),
    'failed-precondition',
    /is gone/,
  );
  rmSync(join(paths.plugins, 'third'));
  await rejects(
    network.attach(request(), never),
    'unavailable',
    /plugin "third" is in none of the plugin directories \(.*plugins\)/,
  );
  rmSync(join(paths.configs, '10-pods.conflist'));
  await rejects(network.attach(request(), never), 'unavailable', /no usable CNI network configuration/);
  assert.deepEqual([takeCalls(), records()], [[], []]);
});
