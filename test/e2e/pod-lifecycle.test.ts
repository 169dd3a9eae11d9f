// A pod's whole life as a node sees it: an nginx image from a registry, run under each OCI runtime, driven by crictl.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Crictl } from '../harness/crictl.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { buildNginxImage, findStaticBusybox } from '../harness/images.ts';
import { readContainerLog, waitForExit } from '../harness/pods.ts';
import { TestRegistry } from '../harness/registry.ts';
import { missing } from '../harness/requirements.ts';
import { patienceMs } from '../harness/until.ts';
import { assertWorld, settledWorld, type World } from '../harness/world.ts';

interface ContainerInspect {
  readonly status: { readonly state: string; readonly exitCode: number; readonly reason: string };
}

interface PodInspect {
  readonly status: { readonly state: string; readonly network: { readonly ip: string } };
}

async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined>,
  timeoutMs = patienceMs,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`${what} did not happen in ${timeoutMs} ms`);
    await sleep(50);
  }
}

for (const handler of ['runc', 'crun']) {
  const tools = [handler, 'crictl', 'skopeo', 'docker-registry', 'nginx'];
  describe(`a pod under ${handler}`, { skip: missing(...tools) }, () => {
    let registry: TestRegistry;
    let daemon: TestDaemon;
    let crictl: Crictl;
    let image: string;
    let empty: World;

    before(async () => {
      registry = await TestRegistry.start();
      daemon = new TestDaemon({ handlers: [handler], registries: registry.registriesConf });
      const layout = `${daemon.root}/nginx-layout`;
      buildNginxImage(layout, 'nginx', findStaticBusybox() ?? '');
      image = await registry.push(layout, 'nginx', 'test');
      await daemon.start();
      crictl = new Crictl(daemon);
      await crictl.run('pull', image);
      empty = await settledWorld(daemon);
    });

    after(async () => {
      await daemon?.destroy();
      await registry?.stop();
    });

    test(`nginx serves from its pod address, logs and answers exec, under ${handler}`, async () => {
      const pod = daemon.pod('web');
      const podId = await crictl.runPod(pod);
      const containerId = await crictl.startContainer(podId, pod, { name: 'nginx', image });
      const { status } = await crictl.json<PodInspect>('inspectp', podId);
      const page = await eventually('an answer of nginx', async () => {
        const response = await fetch(`http://${status.network.ip}/`).catch(() => undefined);
        return response?.status === 200 ? response.text() : undefined;
      });
      assert.equal(page, 'served by a pod\n');
      const request = await eventually('the access line', async () =>
        readContainerLog(pod, 'nginx').find(({ text }) => text.includes('GET / HTTP/1.1" 200')),
      );
      assert.equal(request.stream, 'stdout');
      assert.ok(readContainerLog(pod, 'nginx').some(({ stream }) => stream === 'stderr'));
      assert.match(await crictl.run('exec', '-s', containerId, 'cat', '/proc/1/comm'), /^nginx/);
      const failed = await crictl.attempt('exec', '-s', containerId, 'sh', '-c', 'echo bad >&2; exit 3');
      assert.match(failed.stderr, /exited with 3: bad/);
      await crictl.run('stop', '--timeout', '10', containerId);
      const stopped = await crictl.json<ContainerInspect>('inspect', containerId);
      assert.equal(stopped.status.state, 'CONTAINER_EXITED');
      assert.equal(stopped.status.exitCode, 0, 'nginx ends cleanly at its SIGQUIT');
      assert.equal(stopped.status.reason, 'Completed');
      await crictl.run('stopp', podId);
      await crictl.run('rmp', podId);
      await assertWorld(daemon, empty);
    });

    test(`a container that ignores its stop signal is killed after the grace period under ${handler}`, async () => {
      const pod = daemon.pod('stubborn');
      const podId = await crictl.runPod(pod);
      const command = ['sh', '-c', "trap '' TERM QUIT; echo ready; while :; do sleep 0.1; done"];
      const containerId = await crictl.startContainer(podId, pod, { name: 'stubborn', image, command });
      await eventually('the trap', async () => readContainerLog(pod, 'stubborn').at(0));
      const started = performance.now();
      await crictl.run('stop', '--timeout', '1', containerId);
      const took = Math.round(performance.now() - started);
      assert.ok(took >= 1_000, `stopped after ${took} ms, before its grace period of 1 s ended`);
      const { status } = await crictl.json<ContainerInspect>('inspect', containerId);
      assert.equal(status.exitCode, 137);
      assert.equal(status.reason, 'Error');
      await crictl.run('rmp', '--force', podId);
      await assertWorld(daemon, empty);
    });

    test(`a container's own exit code is reported and a running pod is removed whole under ${handler}`, async () => {
      const pod = daemon.pod('codes');
      const podId = await crictl.runPod(pod);
      for (const code of [0, 7]) {
        const command = ['sh', '-c', `exit ${code}`];
        const id = await crictl.startContainer(podId, pod, { name: `exit-${code}`, image, command });
        assert.equal(await waitForExit(daemon.client, id), code);
      }
      await crictl.startContainer(podId, pod, { name: 'lasting', image, command: ['sleep', '1000'] });
      await crictl.run('stopp', podId);
      const { status } = await crictl.json<PodInspect>('inspectp', podId);
      assert.equal(status.state, 'SANDBOX_NOTREADY');
      await crictl.run('stopp', podId);
      await crictl.run('rmp', podId);
      await assertWorld(daemon, empty);
    });
  });
}
