// SIGTERM in the middle of work: what ends soon is answered, the rest is cut, the daemon ends, and nothing is left of it.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CriClient, connect } from '../harness/cri-client.ts';
import { busybox } from '../harness/daemon.ts';
import { useDaemon } from '../harness/daemon-suite.ts';
import { createContainer, type PodRequest, removeAllPods, runPod } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { ScriptedPlugin } from '../harness/scripted-plugin.ts';

describe('an orderly stop in the middle of work', { skip: missing('runc') }, () => {
  const plugin = new ScriptedPlugin();
  /** Of its own: the daemon's is closed before the daemon is told to stop. */
  let client: CriClient;
  beforeEach(() => {
    client = connect(daemon.paths.socket);
  });
  afterEach(() => {
    client.close();
    plugin.mend(); // before the pods are removed
  });
  const { daemon, assertUntouched } = useDaemon({
    network: { morePlugins: [{ type: plugin.type }], pluginDirectories: [plugin.directory] },
  });
  after(() => plugin.destroy());

  const request = (name: string) => ({ name, image: busybox, command: ['/bin/sleep', '1000'] });

  test('a call that ends soon is answered', async () => {
    const pod = daemon.pod('answered');
    const podId = await runPod(client, pod);
    const containerId = await createContainer(client, podId, pod, request('main'));
    await client.runtime('StartContainer', { containerId });
    const cmd = ['sh', '-c', 'touch /begun; sleep 1; exit 7'];
    const exec = client.runtime('ExecSync', { containerId, cmd, timeout: 60 });
    exec.catch(() => {}); // asked below
    const begun = { containerId, cmd: ['test', '-e', '/begun'], timeout: 60 };
    while ((await client.runtime('ExecSync', begun)).exitCode !== 0) await sleep(20);
    await daemon.stop();
    assert.equal((await exec).exitCode, 7);
    await daemon.start();
  });

  async function create(podId: string, pod: PodRequest): Promise<void> {
    const made = ['one', 'two', 'three', 'four'].map((name) =>
      createContainer(client, podId, pod, request(name)),
    );
    await Promise.allSettled(made); // those that the daemon has not seen are refused
  }

  test('creations whose callers have given up', async () => {
    for (const delayMs of [20, 60, 100, 140]) {
      const pod = daemon.pod(`given-up-${delayMs}`);
      const podId = await runPod(client, pod);
      const created = create(podId, pod);
      await sleep(delayMs);
      client.close();
      await daemon.stop();
      await created;
      await daemon.start();
      client = connect(daemon.paths.socket);
      await removeAllPods(daemon.client);
      await assertUntouched();
    }
  });

  test('a plugin that takes long is left to itself, and the next start takes its pod away', async () => {
    const begun = join(plugin.directory, 'begun');
    plugin.at('ADD', `touch ${begun}; sleep 13`);
    const pod = runPod(client, daemon.pod('slow'));
    const failed = assert.rejects(pod, /CANCELLED|UNAVAILABLE/);
    while (!existsSync(begun)) await sleep(20);
    await daemon.stop();
    await failed;
    assert.match(daemon.logTail(), /ending in the middle of work that takes too long/);
    await daemon.start();
    assert.deepEqual((await daemon.client.runtime('ListPodSandbox', {})).items, []);
  });

  test('a start that waits for the commands of the daemon before it', async () => {
    const [begun, goOn] = ['waited-for', 'go-on'].map((name) => join(plugin.directory, name)) as [
      string,
      string,
    ];
    plugin.at('ADD', `touch ${begun}; while [ -e ${begun} ] && [ ! -e ${goOn} ]; do sleep 0.1; done`);
    const failed = assert.rejects(runPod(client, daemon.pod('held')));
    while (!existsSync(begun)) await sleep(20);
    await daemon.kill();
    await failed;
    const waits = (): number => readFileSync(daemon.logFile, 'utf8').split('waiting for the commands').length;
    const before = waits();
    const start = assert.rejects(daemon.start());
    while (waits() === before) await sleep(20);
    await daemon.stop(); // the command goes on
    await start;
    writeFileSync(goOn, '');
    await daemon.start();
  });
});
