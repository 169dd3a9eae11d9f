// What a session does when one of its ends goes away, or something between them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChannelClient } from '../harness/channel-client.ts';
import { startPiped } from '../harness/piped-command.ts';
import { isReady, type Pod } from '../kubelet/pod.ts';
import type { ClusterWorld } from './cluster-world.ts';
import { allKubectls, Kubectl } from './kubectl.ts';
import { pod, podOf, shell, waits } from './manifests.ts';

const name = 'disturbed';
const kubectl = Kubectl.websocket;

/** Containers of a pod and how often each was started again. */
const identity = (found: Pod) =>
  found.status.containerStatuses?.map(({ containerID, restartCount }) => ({ containerID, restartCount }));

export function testDisturbances(world: ClusterWorld): void {
  before(() => world.ready(pod(name, shell(waits))));

  for (const client of allKubectls()) {
    test(`${client.title}: a client that is killed in the middle of its output and input leaves nothing`, async () => {
      const before = await world.traces();
      const child = startPiped(client.argv('exec', '-i', name, '--', 'sh', '-c', 'cat & cat /dev/zero'));
      const closed = once(child, 'close');
      child.stdin?.on('error', () => {});
      child.stdin?.write(Buffer.alloc(1 << 20));
      for (let bytes = 0; bytes < 4 << 20; )
        bytes += ((await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer])[0].length;
      child.kill('SIGKILL');
      child.stdout?.resume();
      await closed;
      await world.noTraces(before);
    });

    test(`${client.title}: a command that does not read its input ends as it likes`, async () => {
      const child = startPiped(client.argv('exec', '-i', name, '--', 'sh', '-c', 'sleep 0.3; exit 6'));
      child.stdin?.on('error', () => {});
      child.stdin?.write(Buffer.alloc(8 << 20));
      const [code] = (await once(child, 'close')) as [number];
      assert.equal(code, 6);
    });

    test(`${client.title}: a background child does not keep the client`, async () => {
      const before = await world.traces();
      const { exitCode, stdout } = await client.attempt(
        ...['exec', name, '--', 'sh', '-c', 'sleep 100000 & echo "$!"'],
      );
      assert.equal(exitCode, 0);
      await kubectl.run('exec', name, '--', 'kill', stdout.trim());
      await world.noTraces(before);
    });
  }

  test('a container that ends takes the commands in it along', async () => {
    await world.ready(pod('ending', shell(waits), { restartPolicy: 'Never' }));
    const before = await world.traces();
    const child = startPiped(kubectl.argv('exec', 'ending', '--', 'sh', '-c', 'echo begun; sleep 100000'));
    const closed = once(child, 'close') as Promise<[number]>;
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    await kubectl.attempt('exec', 'ending', '--', 'kill', '-TERM', '1');
    const [code] = await closed;
    assert.equal(code, 137);
    await world.noTraces(before);
  });

  for (const protocol of ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io']) {
    test(`a program that speaks ${protocol} with the API server, which passes it on`, async () => {
      const query = new URLSearchParams({ container: 'main', stdin: 'true', stdout: 'true', stderr: 'true' });
      for (const word of ['sh', '-c', 'read line; echo "heard $line"; echo "and said" >&2; exit 4'])
        query.append('command', word);
      const path = `/api/v1/namespaces/default/pods/${name}/exec?${query}`;
      const client = await ChannelClient.connect(world.api.address(path), protocol, world.api.credentials);
      client.send(0, 'hello\n');
      await client.closed;
      assert.deepEqual([client.text(1), client.text(2)], ['heard hello\n', 'and said\n']);
      assert.equal(client.outcome.reason, 'NonZeroExitCode');
    });
  }

  test('commands in numbers at once, each with its own output and code', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 24 }, (_, n) =>
        kubectl.attempt('exec', name, '--', 'sh', '-c', `echo ${n}; exit ${n}`),
      ),
    );
    assert.deepEqual(
      outcomes.map(({ exitCode, stdout }) => [exitCode, stdout]),
      outcomes.map((_, n) => [n, `${n}\n`]),
    );
  });

  test('the kubelet is restarted: its sessions end, nothing of them is left, and the pods go on', async () => {
    const there = await world.api.podThat(name, 'is ready', isReady);
    const before = await world.traces();
    const child = startPiped(kubectl.argv('exec', name, '--', 'sh', '-c', 'echo begun; sleep 100000'));
    const closed = once(child, 'close') as Promise<[number]>;
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    await world.kubelet.stop();
    const [code] = await closed;
    assert.notEqual(code, 0);
    await world.kubelet.start();
    await world.noTraces(before);
    assert.deepEqual(identity(await world.api.podThat(name, 'is ready', isReady)), identity(there));
  });

  test('the daemon is killed: commands end with it, and work again; the pods have not noticed', async () => {
    await world.ready(podOf('steady', [shell(waits), shell('cat', { name: 'reads', stdin: true })]));
    const names = [name, 'steady'];
    const there = await Promise.all(names.map((one) => world.api.podThat(one, 'is ready', isReady)));
    const before = await world.traces();
    const child = startPiped(kubectl.argv('exec', name, '--', 'sh', '-c', 'echo begun; sleep 100000'));
    const closed = once(child, 'close');
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    await world.daemon.kill();
    await closed;
    await world.daemon.start();
    await worksAgain();
    await world.noTraces(before);
    for (const [index, one] of names.entries())
      assert.deepEqual(identity((await world.api.pod(one))!), identity(there[index]!));
    assert.equal(await kubectl.run('exec', 'steady', '-c', 'reads', '--', 'echo', 'here'), 'here\n');
  });

  /** The kubelet comes back to a daemon after a pause of its own. */
  async function worksAgain(): Promise<void> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const { exitCode, stdout, stderr } = await kubectl.attempt('exec', name, '--', 'echo', 'again');
      if (exitCode === 0 && stdout === 'again\n') return;
      // nothing else may go wrong in the meantime
      assert.match(stderr, /connection (refused|error)|connect: no such file|Unavailable|EOF/);
      if (Date.now() > deadline) throw new Error(`exec does not work again: ${stderr}`);
      await sleep(100);
    }
  }
}
