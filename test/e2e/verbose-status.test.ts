// What tools of a node read from `crictl inspect` and `inspectp`: the process to enter, and how it was made.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { TestDaemon } from '../harness/daemon.ts';
import { podConfig, removeAllPods, waitForExit } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';

interface VerboseInfo {
  readonly pid: number;
  readonly privileged?: boolean;
  readonly runtimeSpec?: {
    readonly process?: { readonly args: readonly string[] };
    readonly linux: { readonly namespaces: readonly { readonly type: string; readonly path?: string }[] };
  };
}

describe('verbose statuses', { skip: missing('runc') }, () => {
  const daemon = new TestDaemon();
  let image = '';

  before(async () => {
    image = await daemon.loadBusybox();
    await daemon.start();
  });
  after(() => daemon.destroy());
  afterEach(() => removeAllPods(daemon.client));

  async function runPod(
    pid: 'POD' | 'CONTAINER',
    script: string,
  ): Promise<{ pod: string; container: string }> {
    const plain = podConfig(daemon.pod('pod'));
    const securityContext = { namespaceOptions: { network: 'POD', pid, ipc: 'POD' } as const };
    const sandboxConfig = { ...plain, linux: { ...plain.linux, securityContext } };
    const { client } = daemon;
    const { podSandboxId } = await client.runtime('RunPodSandbox', { config: sandboxConfig });
    const config = {
      metadata: { name: 'c' },
      image: { image },
      command: ['/bin/sh', '-c', script],
      linux: { securityContext },
    };
    const { containerId } = await client.runtime('CreateContainer', { podSandboxId, config, sandboxConfig });
    await client.runtime('StartContainer', { containerId });
    return { pod: podSandboxId, container: containerId };
  }

  async function infoOf(containerId: string): Promise<VerboseInfo> {
    const { info } = await daemon.client.runtime('ContainerStatus', { containerId, verbose: true });
    return JSON.parse(info['info'] ?? '') as VerboseInfo;
  }

  async function podInfo(podSandboxId: string): Promise<VerboseInfo> {
    const { info } = await daemon.client.runtime('PodSandboxStatus', { podSandboxId, verbose: true });
    return JSON.parse(info['info'] ?? '') as VerboseInfo;
  }

  function networkOf({ runtimeSpec }: VerboseInfo): string | undefined {
    return runtimeSpec?.linux.namespaces.find(({ type }) => type === 'network')?.path;
  }

  test('a container has its runtime spec, and no pid once it has ended', async () => {
    const { container } = await runPod('CONTAINER', 'while [ ! -e /stop ]; do sleep 0.1; done');
    const running = await infoOf(container);
    assert.equal(running.runtimeSpec?.process?.args[0], '/bin/sh');
    assert.equal(running.privileged, false);
    process.kill(running.pid, 0);
    await daemon.client.runtime('ExecSync', { containerId: container, cmd: ['touch', '/stop'], timeout: 60 });
    await waitForExit(daemon.client, container);
    const ended = await infoOf(container);
    assert.equal(ended.pid, 0); // the kernel may have given it to another process
    assert.deepEqual(ended.runtimeSpec, running.runtimeSpec);
  });

  for (const pid of ['CONTAINER', 'POD'] as const) {
    test(`a pod with pid mode ${pid} has a runtime spec that names its network namespace`, async () => {
      const { pod, container } = await runPod(pid, 'sleep 1000');
      const found = await podInfo(pod);
      assert.ok(networkOf(found)?.endsWith(`/netns/${pod}`), networkOf(found));
      assert.equal(networkOf(found), networkOf(await infoOf(container)));
      assert.equal(found.pid > 0, pid === 'POD');
      assert.equal(found.runtimeSpec?.process?.args.length === undefined, pid === 'CONTAINER');
    });
  }
});
