// `npm run test:kubelet`: a kubelet drives the built daemon with static pods. What is asserted is what the kubelet tells
// of them, and what the daemon has when they are gone.

import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ChannelClient } from '../harness/channel-client.ts';
import { errorsIn, parseKnownErrors } from '../harness/klog.ts';
import { KubeletWorld } from './kubelet-world.ts';
import {
  crashing,
  graceful,
  hostPort,
  type Manifest,
  pair,
  probed,
  published,
  talkative,
} from './manifests.ts';
import { container, idOf, isReady, type Pod } from './pod.ts';

const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));
const world = new KubeletWorld({ handlers: [process.env['CRIA_TEST_RUNTIME'] ?? 'runc'] });
const { daemon, kubelet } = world;
const stopping = graceful(daemon.root);
const limitMs = 120_000;

async function end(): Promise<void> {
  const logs = process.env['CRIA_TEST_LOGS'] ?? join(projectRoot, 'dist/test-logs');
  mkdirSync(logs, { recursive: true });
  for (const { logFile, name } of [
    { logFile: kubelet.logFile, name: 'kubelet.log' },
    { logFile: daemon.logFile, name: 'kubelet-daemon.log' },
  ])
    if (existsSync(logFile)) copyFileSync(logFile, join(logs, name));
  await world.destroy();
}

for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => void end().finally(() => process.exit(130)));

before(async () => {
  await world.start();
  for (const manifest of [pair, probed, crashing, published, stopping, talkative]) kubelet.add(manifest);
});

after(end);

/** Resolves with what the kubelet says of the pod as soon as that is as wished. */
async function podThat(manifest: Manifest, what: string, isSo: (pod: Pod) => boolean): Promise<Pod> {
  const { name } = manifest.metadata;
  const deadline = Date.now() + limitMs;
  for (let pod: Pod | undefined; Date.now() < deadline; await sleep(100)) {
    pod = (await kubelet.pods()).get(name);
    if (pod !== undefined && isSo(pod)) return pod;
  }
  const last = JSON.stringify((await kubelet.pods()).get(name)?.status, undefined, 1);
  throw new Error(`pod ${name} ${what}: not so after ${limitMs} ms; it is ${last}\n${kubelet.logTail()}`);
}

async function exec(pod: Pod, script: string, name = 'main'): Promise<string> {
  const containerId = idOf(container(pod, name));
  const { stdout, stderr, exitCode } = await daemon.client.runtime('ExecSync', {
    containerId,
    cmd: ['sh', '-c', script],
    timeout: '30',
  });
  assert.equal(exitCode, 0, stderr.toString());
  return stdout.toString();
}

function logsOf(pod: Pod, manifest: Manifest): string {
  const folder = readdirSync(join(kubelet.root, 'logs')).find((name) => name.endsWith(pod.metadata.uid));
  assert.ok(folder, `the log directory of ${manifest.metadata.name}`);
  return join(kubelet.root, 'logs', folder, 'main');
}

test('two containers of a pod share localhost', async () => {
  const pod = await podThat(pair, 'is ready', isReady);
  assert.equal(await exec(pod, 'cat /tmp/answer', 'client'), 'from next door\n');
  assert.equal(pod.status.phase, 'Running');
  assert.match(pod.status.podIP ?? '', /^10\./);
});

test('the log of a container is read through the kubelet', async () => {
  await podThat(pair, 'is ready', isReady);
  assert.equal(await kubelet.containerLog('pair', 'client'), 'from next door\n');
});

test('a command with input runs in a container through the kubelet', async () => {
  await podThat(pair, 'is ready', isReady);
  const words = ['sh', '-c', 'read line; echo "heard $line"; echo "and said" >&2; exit 4'];
  const query = new URLSearchParams({ input: '1', output: '1', error: '1' });
  for (const word of words) query.append('command', word);
  const address = kubelet.address(`/exec/default/pair-node1/client?${query}`);
  const client = await ChannelClient.connect(address, 'v5.channel.k8s.io', { rejectUnauthorized: false });
  client.send(0, 'hello\n');
  await client.closed;
  assert.deepEqual([client.text(1), client.text(2)], ['heard hello\n', 'and said\n']);
  assert.equal(client.outcome.reason, 'NonZeroExitCode');
  assert.match(client.outcome.message ?? '', /exit code 4/);
});

test('a port of a pod is reached through the kubelet', async () => {
  await podThat(pair, 'is ready', isReady);
  const address = kubelet.address('/portForward/default/pair-node1?port=8080');
  const client = await ChannelClient.connect(address, 'v4.channel.k8s.io', { rejectUnauthorized: false });
  client.send(0, 'GET / HTTP/1.0\r\n\r\n');
  await client.until(() => client.text(0).endsWith('from next door\n'), 'the page has come');
  client.socket.close();
});

test('an init container ends before the others start, and they find what it wrote', async () => {
  const pod = await podThat(probed, 'is ready', isReady);
  const { terminated } = container(pod, 'prepare').state;
  assert.deepEqual([terminated?.exitCode, terminated?.reason], [0, 'Completed']);
  assert.equal(await exec(pod, 'cat /site/index.html'), 'made before\n');
});

test('an emptyDir is on the disk of the node, or in memory', async () => {
  const pod = await podThat(probed, 'is ready', isReady);
  const typeOf = async (path: string) => (await exec(pod, `stat -f -c %t ${path}`)).trim();
  assert.equal(await typeOf('/cache'), '1021994'); // TMPFS_MAGIC
  assert.equal(await typeOf('/site'), statfsSync(daemon.root).type.toString(16));
});

test('a failed HTTP probe takes readiness away, a failed exec probe restarts the container', async () => {
  const pod = await podThat(probed, 'is ready', isReady);
  await exec(pod, 'rm /site/index.html');
  await podThat(probed, 'is not ready', (now) => !isReady(now));
  await exec(pod, 'echo again > /site/index.html');
  await podThat(probed, 'is ready again', isReady);
  await exec(pod, 'rm /tmp/alive');
  const restarted = await podThat(
    probed,
    'was restarted',
    (now) => container(now).restartCount === 1 && isReady(now),
  );
  assert.notEqual(container(restarted).containerID, container(pod).containerID);
});

test('a container that fails again and again is started again with a delay, and its words are told', async () => {
  const isLooping = (pod: Pod): boolean => {
    const { state, lastState, restartCount } = container(pod) ?? {};
    return (
      restartCount !== undefined &&
      restartCount >= 2 &&
      state?.waiting?.reason === 'CrashLoopBackOff' &&
      lastState?.terminated !== undefined
    );
  };
  const { lastState } = container(await podThat(crashing, 'is in a crash loop', isLooping));
  const { exitCode, reason, message } = lastState.terminated ?? {};
  assert.deepEqual([exitCode, reason, message], [3, 'Error', 'no luck\n']);
});

test('a port of the host leads into the pod, and no longer when the pod is gone', async () => {
  await podThat(published, 'is ready', isReady);
  const ask = async () => (await fetch(`http://127.0.0.1:${hostPort}/`)).text();
  assert.equal(await ask(), 'from the host\n');
  kubelet.remove(published);
  await gone(published);
  await assert.rejects(ask);
});

test('a pod whose manifest is removed has its hook run, ends by itself and leaves nothing', async () => {
  await podThat(stopping, 'is ready', isReady);
  kubelet.remove(stopping);
  await gone(stopping);
  const notes = readFileSync(join(daemon.root, 'notes/stop'), 'utf8').trim().split('\n');
  assert.deepEqual(notes, ['told before', 'asked to end', 'ended by itself']);
});

test('a log that is too long is rotated while its container writes, and no line is lost', async () => {
  const pod = await podThat(talkative, 'is ready', isReady);
  const folder = logsOf(pod, talkative);
  const isRotated = () => readdirSync(folder).some((name) => name.endsWith('.gz'));
  await podThat(talkative, 'has a rotated log', isRotated);
  await kubelet.stop(); // so that no file goes away while it is read
  const numbers = readdirSync(folder)
    .filter((name) => !name.endsWith('.gz') && !name.endsWith('.tmp'))
    .sort((a, b) => Number(a === '0.log') - Number(b === '0.log') || a.localeCompare(b))
    .flatMap((name) => [...readFileSync(join(folder, name), 'utf8').matchAll(/ stdout F line (\d+) of/g)])
    .map(([, number]) => Number(number));
  await kubelet.start();
  const [first = 0] = numbers;
  assert.ok(first > 1, 'the start of the log is in an older file');
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => first + index),
  );
});

test('the kubelet and its pods go on when it starts again', async () => {
  const before = await podThat(pair, 'is ready', isReady);
  await kubelet.stop();
  await kubelet.start();
  const now = await podThat(pair, 'is ready', isReady);
  assert.deepEqual(
    now.status.containerStatuses?.map(({ containerID }) => containerID).sort(),
    before.status.containerStatuses?.map(({ containerID }) => containerID).sort(),
  );
});

test('the kubelet had no error that is not on the written list', async () => {
  const list = join(projectRoot, 'test/kubelet/known-errors.txt');
  const known = parseKnownErrors(readFileSync(list, 'utf8'));
  const unknown = errorsIn(kubelet.log()).filter((text) => !known.some((pattern) => pattern.test(text)));
  assert.deepEqual(unknown, []);
});

/** The kubelet does not know the pod any more, and the daemon has no sandbox of it that is ready. */
async function gone(manifest: Manifest): Promise<void> {
  const { name } = manifest.metadata;
  const deadline = Date.now() + limitMs;
  for (;;) {
    const { items } = await daemon.client.runtime('ListPodSandbox', {
      filter: { state: { state: 'SANDBOX_READY' } },
    });
    const isRunning = items.some(({ metadata }) => metadata?.name === `${name}-node1`);
    if (!isRunning && !(await kubelet.pods()).has(name)) return;
    if (Date.now() > deadline) throw new Error(`pod ${name} does not go\n${kubelet.logTail()}`);
    await sleep(100);
  }
}
