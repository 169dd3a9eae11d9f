// `kubectl exec` without a terminal: codes, streams and what a client leaves.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pipeThrough, startPiped } from '../harness/piped-command.ts';
import type { ClusterWorld } from './cluster-world.ts';
import { allKubectls, Kubectl } from './kubectl.ts';
import { pod, shell, waits } from './manifests.ts';

const name = 'commands';
const bytes = 64 << 20;

export function testExec(world: ClusterWorld): void {
  before(() => world.ready(pod(name, shell(waits))));

  for (const kubectl of allKubectls()) {
    const exec = (script: string) => kubectl.attempt('exec', name, '--', 'sh', '-c', script);

    test(`${kubectl.title}: the command's code is kubectl's`, async () => {
      for (const code of [0, 1, 42, 255]) assert.equal((await exec(`exit ${code}`)).exitCode, code);
      const killed = await exec('kill -KILL $$');
      assert.deepEqual([killed.exitCode, killed.stdout], [137, '']);
    });

    test(`${kubectl.title}: a command that is not there`, async () => {
      const { exitCode, stdout, stderr } = await kubectl.attempt('exec', name, '--', 'no-such-command');
      assert.notEqual(exitCode, 0);
      assert.equal(stdout, '');
      assert.match(stderr, /no-such-command/);
    });

    test(`${kubectl.title}: stdout and stderr stay apart`, async () => {
      const { exitCode, stdout, stderr } = await exec('echo out; echo err >&2; exit 3');
      assert.deepEqual([exitCode, stdout], [3, 'out\n']);
      assert.equal(stderr, 'err\ncommand terminated with exit code 3\n');
    });

    test(`${kubectl.title}: 64 MiB go in and come back, and are the same`, async () => {
      const passed = await pipeThrough(kubectl.argv('exec', '-i', name, '--', 'cat'), bytes);
      assert.equal(passed.exitCode, 0, passed.stderr);
      assert.deepEqual(passed.received, passed.sent);
      assert.equal(passed.sent.bytes, bytes);
    });

    test(`${kubectl.title}: 64 MiB go in, and the command hears of their end`, async () => {
      const script = 'sha256sum | cut -d" " -f1 >&2';
      const argv = kubectl.argv('exec', '-i', name, '--', 'sh', '-c', script);
      const passed = await pipeThrough(argv, bytes);
      assert.deepEqual([passed.exitCode, passed.stderr], [0, `${passed.sent.sha256}\n`]);
    });

    test(`${kubectl.title}: who reads late gets all of it`, async () => {
      const child = startPiped(kubectl.argv('exec', name, '--', 'head', '-c', `${bytes}`, '/dev/zero'));
      const ended = once(child, 'close') as Promise<[number]>;
      await sleep(2_000);
      let received = 0;
      for await (const chunk of child.stdout as AsyncIterable<Buffer>) received += chunk.length;
      assert.deepEqual([received, (await ended)[0]], [bytes, 0]);
    });
  }

  test('a container that has ended takes no command, and that is said', async () => {
    await world.create(pod('over', shell('exit 0'), { restartPolicy: 'Never' }));
    await world.api.podThat('over', 'has ended', ({ status }) => status.phase === 'Succeeded');
    const { exitCode, stderr } = await Kubectl.websocket.attempt('exec', 'over', '--', 'true');
    assert.equal(exitCode, 1);
    assert.match(
      stderr,
      /cannot exec in a (stopped|completed) (state|pod)|completed pod; current phase is Succeeded/,
    );
  });
}
