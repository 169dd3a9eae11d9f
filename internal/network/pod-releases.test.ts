import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
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
import { createMetrics } from '../metrics/metrics.ts';

useStubPlugins();

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
  at('second', 'ADD', `cp ${paths.state}/requests/abc123.json ${paths.root}/taken`);
  await (await open()).attach(request(), never);
  copyFileSync(join(paths.root, 'taken'), join(paths.state, 'requests/abc123.json'));
  rmSync(join(paths.state, 'results/abc123.json'));
  writeFileSync(join(paths.state, 'requests/.abc123.json.0123.tmp'), '{"ver');
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
  const path = join(paths.state, 'requests/abc123.json');
  writeFileSync(path, readFileSync(path, 'utf8').replace(netns, '/etc/hostname'));
  takeCalls();
  await network.detach(request(), never);
  const calls = takeCalls();
  assert.deepEqual(names(calls), allDel);
  assert.ok(calls.every(({ env }) => env['CNI_NETNS'] === ''));
});

test('detach goes on after a plugin that fails or hangs, and tells the first failure', async () => {
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
  assert.deepEqual(records(), ['requests/abc123.json', 'results/abc123.json']);
});

/** The pauses between retries keep no process running. */
let alive: NodeJS.Timeout | undefined;
afterEach(() => clearInterval(alive));

/** A network whose plugin cannot DEL until `mend` is called. */
async function openBroken(firstRetryMs = 20) {
  const released: string[] = [];
  const metrics = createMetrics({ collectors: [], defaultRuntime: 'runc' });
  clearInterval(alive);
  alive = setInterval(() => {}, 1000);
  let onReleased = (): void => {};
  const isReleased = new Promise<void>((resolve) => {
    onReleased = resolve;
  });
  const broken = join(paths.root, 'broken');
  writeFileSync(broken, '');
  at('second', 'DEL', `[ ! -e ${broken} ] || { echo '{"code":100,"msg":"lock"}'; exit 1; }`);
  const network = await open({
    metrics: metrics.network,
    firstRetryMs,
    async onReleased(sandboxId: string) {
      released.push(sandboxId);
      onReleased();
    },
  });
  const counted = async (name: string) =>
    new RegExp(`^${name} (\\d+)$`, 'm').exec((await metrics.read()).text)?.[1];
  const mend = () => rmSync(broken, { force: true });
  return { network, released, isReleased, counted, mend };
}

test('a DEL that fails is told once; then the sandbox may go, and the DEL is tried until it succeeds', async () => {
  const { network, released, isReleased, counted, mend } = await openBroken();
  await network.attach(request(), never);
  await rejects(network.detach(request(), never), 'internal', /DEL of CNI plugin "second" failed: lock/);
  assert.equal(await network.detach(request(), never), 'deferred');
  assert.equal(await counted('cria_network_deferred_deletes'), '1');
  assert.deepEqual(readdirSync(join(paths.state, 'deferred')), ['abc123.json']);
  mend();
  await isReleased;
  assert.deepEqual([released, records()], [['abc123'], []]);
  assert.ok(Number(await counted('cria_network_delete_failures_total')) >= 1);
  while ((await counted('cria_network_deferred_deletes')) !== '0') await setImmediate();
  assert.deepEqual(readdirSync(join(paths.state, 'deferred')), []);
  assert.equal(await network.detach(request(), never), 'released');
});

test('a DEL that is owed is done by the next daemon, with what ADD had', async () => {
  const before = await openBroken(600_000);
  await before.network.attach(request(), never);
  await rejects(before.network.detach(request(), never), 'internal', /"second" failed: lock/);
  configure({ ...chain, name: 'other', plugins: [{ type: 'third' }] });
  const { network, isReleased, mend } = await openBroken();
  assert.equal(await network.detach(request(), never), 'deferred');
  mend();
  await isReleased;
  assert.deepEqual(names(takeCalls()).slice(-3), allDel);
  assert.deepEqual(records(), []);
});

test('an ADD that fails and whose DEL fails too is released later', async () => {
  const { network, isReleased, mend } = await openBroken();
  at('third', 'ADD', 'exit 1');
  await rejects(network.attach(request(), never), 'internal', /ADD of CNI plugin "third" exited with code 1/);
  assert.equal(await network.detach(request(), never), 'deferred');
  mend();
  await isReleased;
  assert.deepEqual(records(), []);
});

test('what a sandbox that nobody knows has left is released after the start, and its namespace may go', async () => {
  await (await open()).attach(request(), never);
  await (await open()).attach(request({ sandboxId: 'known' }), never);
  takeCalls();
  const released: string[] = [];
  const network = await open({ onReleased: async (sandboxId) => void released.push(sandboxId) });
  const abort = new AbortController();
  network.maintain((sandboxId) => sandboxId === 'known', abort.signal);
  while (released.length === 0) await sleep(10);
  abort.abort();
  assert.deepEqual(released, ['abc123']);
  assert.deepEqual(names(takeCalls()), allDel);
  assert.deepEqual(records(), ['requests/known.json', 'results/known.json']);
});

test('detach of a sandbox whose record is unreadable uses the current network and sets the record aside', async () => {
  const network = await open();
  writeFileSync(join(paths.state, 'requests/abc123.json'), '{"version":1,"netw');
  await network.detach(request(), never);
  const calls = takeCalls();
  assert.deepEqual(names(calls), allDel);
  assert.deepEqual(records(), ['requests/abc123.json.unreadable']);
  await network.detach(request(), never);
  assert.deepEqual(takeCalls(), []);
});

test('a record with port mappings that are none keeps no daemon from its start', async () => {
  await (await open()).attach(request(), never);
  const path = join(paths.state, 'requests/abc123.json');
  writeFileSync(path, readFileSync(path, 'utf8').replace('"portMappings":[]', '"portMappings":[null]'));
  const network = await open();
  await network.detach(request(), never);
  assert.deepEqual(records(), ['requests/abc123.json.unreadable']);
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
