// Commands of an exec on the first CPU of their container, where the handler asks for it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { firstCpu } from '../../internal/container/exec-cpu.ts';
import { findProgram } from '../harness/command.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { podConfig } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';

const allowed = /^Cpus_allowed_list:\s*(\S+)$/m;

/** What this machine lets the test use. */
const cpus = allowed.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';

suite('exec_cpu_affinity', { skip: missing('runc') }, () => {
  let daemon: TestDaemon;
  let image = '';

  before(async () => {
    const pinned = {
      name: 'pinned',
      path: findProgram('runc') ?? 'runc',
      toml: 'exec_cpu_affinity = "first"',
    };
    daemon = new TestDaemon({ moreHandlers: [pinned] });
    image = await daemon.loadBusybox();
    await daemon.start();
  });

  after(() => daemon.destroy());

  /** The CPUs of a command in a new container with these of its own. */
  async function cpusOfExec(handler: string, name: string, cpusetCpus: string): Promise<string | undefined> {
    const { client } = daemon;
    const sandboxConfig = podConfig(daemon.pod(name));
    const { podSandboxId } = await client.runtime('RunPodSandbox', {
      config: sandboxConfig,
      runtimeHandler: handler,
    });
    const namespaceOptions = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;
    const config = {
      metadata: { name: 'main', attempt: 0 },
      image: { image },
      command: ['/bin/sleep', '3600'],
      linux: {
        resources: { cpusetCpus },
        securityContext: { namespaceOptions },
      },
    };
    const { containerId } = await client.runtime('CreateContainer', { podSandboxId, sandboxConfig, config });
    await client.runtime('StartContainer', { containerId });
    const cmd = ['/bin/cat', '/proc/self/status'];
    const { stdout } = await client.runtime('ExecSync', { containerId, cmd, timeout: 60 });
    await client.runtime('StopPodSandbox', { podSandboxId });
    await client.runtime('RemovePodSandbox', { podSandboxId });
    return allowed.exec(stdout.toString())?.[1];
  }

  test('"first" is the first of the set that the container has', async () => {
    assert.equal(await cpusOfExec('pinned', 'own-set', cpus), String(firstCpu(cpus)));
  });

  test('a container without a set of its own, and one of another handler, run on all', async () => {
    assert.equal(await cpusOfExec('pinned', 'no-set', ''), cpus);
    assert.equal(await cpusOfExec('runc', 'other-handler', cpus), cpus);
  });
});
