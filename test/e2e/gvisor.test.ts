// Pods under gVisor: all containers of a pod run in one kernel, of which the host sees a single process.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { ContainerConfig } from '../../internal/cri/gen/runtime/v1/ContainerConfig.ts';
import type { NamespaceMode } from '../../internal/cri/gen/runtime/v1/NamespaceMode.ts';
import { makeMemoryParent } from '../harness/cgroup-parent.ts';
import { busybox } from '../harness/daemon.ts';
import { useDaemon } from '../harness/daemon-suite.ts';
import { podConfig, readContainerLog, waitForExit } from '../harness/pods.ts';
import { processesOf } from '../harness/proc.ts';
import { missing } from '../harness/requirements.ts';
import { until } from '../harness/until.ts';
import { gvisorHandler } from './gvisor-handler.ts';

describe('a pod under gVisor', { skip: missing('runc', 'runsc') }, () => {
  const { daemon } = useDaemon({ moreHandlers: [gvisorHandler] });
  const pod = daemon.pod('pod');

  function sandboxConfig(pid: NamespaceMode) {
    const plain = podConfig(pod);
    const namespaceOptions = { network: 'POD', pid, ipc: 'POD' } as const;
    return { ...plain, linux: { ...plain.linux, securityContext: { namespaceOptions } } };
  }

  async function runPod(pid: NamespaceMode = 'CONTAINER'): Promise<string> {
    const request = { config: sandboxConfig(pid), runtimeHandler: 'gvisor' };
    return (await daemon.client.runtime('RunPodSandbox', request)).podSandboxId;
  }

  interface Asked {
    readonly pid?: NamespaceMode;
    readonly target?: string;
    readonly config?: Partial<ContainerConfig>;
    readonly isStarted?: boolean;
  }

  /** A container `name` that runs the script. */
  async function run(podSandboxId: string, name: string, script: string, asked: Asked = {}): Promise<string> {
    const { pid = 'CONTAINER', target = '', config = {}, isStarted = true } = asked;
    const namespaceOptions = { network: 'POD', pid, ipc: 'POD', targetId: target } as const;
    const { containerId } = await daemon.client.runtime('CreateContainer', {
      podSandboxId,
      sandboxConfig: sandboxConfig(pid === 'POD' ? pid : 'CONTAINER'),
      config: {
        metadata: { name, attempt: 0 },
        image: { image: busybox },
        command: ['sh', '-c', script],
        logPath: `${name}.log`,
        ...config,
        linux: { ...config.linux, securityContext: { ...config.linux?.securityContext, namespaceOptions } },
      },
    });
    if (isStarted) await daemon.client.runtime('StartContainer', { containerId });
    return containerId;
  }

  async function exec(containerId: string, ...cmd: string[]): Promise<string> {
    const { stdout, exitCode } = await daemon.client.runtime('ExecSync', { containerId, cmd, timeout: 60 });
    assert.equal(exitCode, 0);
    return stdout.toString();
  }

  const state = async (containerId: string) =>
    (await daemon.client.runtime('ContainerStatus', { containerId })).status?.state;
  const log = (name: string) => readContainerLog(pod, name).map(({ stream, text }) => `${stream}: ${text}`);
  const logged = async (name: string, line: string): Promise<void> => {
    for (let left = 600; !log(name).includes(line); left--) {
      if (left === 0) throw new Error(`the container "${name}" has not said "${line}":\n${daemon.logTail()}`);
      await sleep(50);
    }
  };
  const pidOf = (word: string): number => {
    const found = processesOf(daemon.root, daemon.cgroupParent).find(({ command }) => command.includes(word));
    assert.ok(found, `no process has "${word}" in its command line`);
    return found.pid;
  };

  test('containers have one kernel, the pod’s localhost and its memory, but not each other’s processes', async () => {
    const podSandboxId = await runPod();
    const one = await run(podSandboxId, 'one', 'nc -l -p 8080 -e echo hello & echo up; sleep 4001');
    const two = await run(podSandboxId, 'two', 'echo up; sleep 4002');
    await logged('one', 'stdout: up');
    await logged('two', 'stdout: up');
    assert.match(await exec(one, 'dmesg'), /Starting gVisor/);
    assert.equal(await exec(two, 'nc', '127.0.0.1', '8080'), 'hello\n');
    await exec(one, 'sh', '-c', 'echo shared > /dev/shm/file');
    assert.equal(await exec(two, 'cat', '/dev/shm/file'), 'shared\n');
    assert.match(await exec(two, 'ps', '-o', 'args'), /sleep 4002/);
    assert.doesNotMatch(await exec(two, 'ps', '-o', 'args'), /sleep 4001/);
    const kernels = processesOf(daemon.root, daemon.cgroupParent).filter(({ command }) =>
      command.startsWith('runsc-sandbox'),
    );
    assert.equal(kernels.length, 1);
  });

  test('the pod’s address is that of its containers; a resize is refused, as the runtime has none', async () => {
    const podSandboxId = await runPod();
    const containerId = await run(podSandboxId, 'main', 'sleep 4001');
    const { status: pod } = await daemon.client.runtime('PodSandboxStatus', { podSandboxId });
    const address = pod?.network?.ip ?? '';
    assert.ok((await exec(containerId, 'ip', 'address')).includes(` ${address}/`));
    await assert.rejects(
      daemon.client.runtime('UpdateContainerResources', { containerId, linux: { cpuShares: 300 } }),
      { code: status.FAILED_PRECONDITION, details: /the OCI runtime of handler "gvisor" has no update/ },
    );
  });

  test('where the pod shares its processes, each container sees the others’, and ends alone', async () => {
    const podSandboxId = await runPod('POD');
    const one = await run(podSandboxId, 'one', 'sleep 4001; exit 3', { pid: 'POD' });
    const two = await run(podSandboxId, 'two', 'sleep 4002', { pid: 'POD' });
    assert.match(await exec(two, 'ps', '-o', 'args'), /sleep 4001/);
    assert.match(await exec(two, 'ps', '-o', 'pid,args'), /^ +1 .*pause/m);
    await daemon.client.runtime('StopContainer', { containerId: one, timeout: 0 });
    assert.equal(await state(two), 'CONTAINER_RUNNING');
    const rest = await exec(two, 'ps', '-o', 'args');
    assert.match(rest, /sleep 4002/);
    assert.doesNotMatch(rest, /sleep 4001/);
  });

  test('a container sees the processes of the one that it targets', async () => {
    const podSandboxId = await runPod();
    const target = await run(podSandboxId, 'target', 'sleep 4001');
    const debug = await run(podSandboxId, 'debug', 'sleep 4002', { pid: 'TARGET', target });
    const seen = await exec(debug, 'ps', '-o', 'args');
    assert.match(seen, /sleep 4001/);
    assert.match(seen, /sleep 4002/);
  });

  test('a pod that wants the host’s processes is refused', async () => {
    await assert.rejects(runPod('NODE'), {
      code: status.FAILED_PRECONDITION,
      details: /pid namespace mode NODE is not possible with runtime handler "gvisor"/,
    });
  });

  test('codes, signals and streams of containers', async () => {
    const podSandboxId = await runPod();
    for (const [script, code, reason] of [
      ['echo out; echo err >&2; exit 7', 7, 'Error'],
      ['exit 0', 0, 'Completed'],
      ['kill -TERM $$', 143, 'Error'],
      ['kill -KILL $$', 137, 'Error'],
    ] as const) {
      const name = `code-${code}`;
      const containerId = await run(podSandboxId, name, script);
      assert.equal(await waitForExit(daemon.client, containerId), code);
      const { status: ended } = await daemon.client.runtime('ContainerStatus', { containerId });
      assert.equal(ended?.reason, reason);
    }
    assert.deepEqual(log('code-7').sort(), ['stderr: err', 'stdout: out']);
  });

  test('a program that is not there fails the start with its name', async () => {
    const podSandboxId = await runPod();
    const config = { command: ['/no/such/program'] };
    const containerId = await run(podSandboxId, 'absent', '', { config, isStarted: false });
    await assert.rejects(daemon.client.runtime('StartContainer', { containerId }), ({ message }: Error) => {
      assert.match(message, /\/no\/such\/program/);
      assert.doesNotMatch(message, /[0-9a-f]{64}|\d\d:\d\d:\d\d/);
      return true;
    });
    assert.equal(await waitForExit(daemon.client, containerId), 128);
    const { status: ended } = await daemon.client.runtime('ContainerStatus', { containerId });
    assert.equal(ended?.reason, 'StartError');
  });

  test('stops: in time by the stop signal, by SIGKILL after the grace period, and before the start', async () => {
    const podSandboxId = await runPod();
    const loop = 'while :; do sleep 0.1; done';
    const kind = await run(podSandboxId, 'kind', `trap "echo bye; exit 7" TERM; echo up; ${loop}`);
    const deaf = await run(podSandboxId, 'deaf', `trap "" TERM; sleep 4001 & echo up; ${loop}`);
    const created = await run(podSandboxId, 'created', 'sleep 4002', { isStarted: false });
    await logged('kind', 'stdout: up');
    await logged('deaf', 'stdout: up');
    const stop = async (containerId: string, timeout: number) => {
      await daemon.client.runtime('StopContainer', { containerId, timeout });
      return waitForExit(daemon.client, containerId);
    };
    assert.equal(await stop(kind, 60), 7);
    assert.deepEqual(log('kind'), ['stdout: up', 'stdout: bye']);
    assert.equal(await stop(deaf, 1), 137);
    assert.equal(await stop(created, 60), 137);
    const { items } = await daemon.client.runtime('ListPodSandbox', { filter: { id: podSandboxId } });
    assert.equal(items[0]?.state, 'SANDBOX_READY');
  });

  test('the daemon killed: containers go on, what has ended meanwhile has its code', async () => {
    const podSandboxId = await runPod();
    const gate = join(daemon.root, 'gate');
    mkdirSync(gate);
    const mounts = [{ containerPath: '/gate', hostPath: gate, readonly: true }];
    const waits = 'while [ ! -e /gate/open ]; do sleep 0.1; done; exit 9';
    const ends = await run(podSandboxId, 'ends', waits, { config: { mounts } });
    const stays = await run(podSandboxId, 'stays', 'sleep 4001');
    await daemon.kill();
    writeFileSync(join(gate, 'open'), '');
    await daemon.start();
    assert.equal(await waitForExit(daemon.client, ends), 9);
    assert.equal(await exec(stays, 'echo', 'here'), 'here\n');
    const later = await run(podSandboxId, 'later', 'exit 4');
    assert.equal(await waitForExit(daemon.client, later), 4);
  });

  test('a monitor killed: the log goes on, and the exit has its code', async () => {
    const podSandboxId = await runPod();
    const script = 'trap "exit 6" TERM; echo up; while :; do sleep 0.1; echo on; done';
    const containerId = await run(podSandboxId, 'main', script);
    await logged('main', 'stdout: up');
    process.kill(pidOf(`run ${daemon.paths.runDir}/containers/${containerId}`), 'SIGKILL');
    const before = log('main').length;
    for (let left = 600; log('main').length < before + 5; left--) {
      assert.notEqual(left, 0, 'the log does not go on');
      await sleep(50);
    }
    await daemon.client.runtime('StopContainer', { containerId, timeout: 60 });
    assert.equal(await waitForExit(daemon.client, containerId), 6);
  });

  test('the pod’s kernel killed: its containers have ended, and the pod is not ready', async () => {
    const podSandboxId = await runPod();
    const ids = [
      await run(podSandboxId, 'one', 'sleep 4001'),
      await run(podSandboxId, 'two', 'sleep 4002'),
      await run(podSandboxId, 'created', 'true', { isStarted: false }),
    ];
    process.kill(pidOf('runsc-sandbox'), 'SIGKILL');
    for (const id of ids) assert.equal(await waitForExit(daemon.client, id), 137);
    const { items } = await daemon.client.runtime('ListPodSandbox', { filter: { id: podSandboxId } });
    assert.equal(items[0]?.state, 'SANDBOX_NOTREADY');
    for (const containerId of ids) await daemon.client.runtime('RemoveContainer', { containerId });
  });

  test('memory: a container’s limit is none, the pod’s ends its kernel, and only the pod’s usage is known', async (t) => {
    const podSandboxId = await runPod();
    const config = { linux: { resources: { memoryLimitInBytes: 64 << 20 } } };
    const ids = [
      await run(podSandboxId, 'one', 'sleep 4001', { config }),
      await run(podSandboxId, 'two', 'sleep 4002'),
    ];
    const [containerId = ''] = ids;
    const fill = (size: string) => ['dd', 'if=/dev/zero', 'of=/dev/null', `bs=${size}`, 'count=1'];
    await exec(containerId, ...fill('200M'));
    const { stats } = await daemon.client.runtime('PodSandboxStats', { podSandboxId });
    assert.ok(Number(stats?.linux?.memory?.usageBytes?.value) > 1 << 20);
    for (const { memory } of stats?.linux?.containers ?? [])
      assert.equal(Number(memory?.usageBytes?.value), 0);
    // The pod's kernel gives the memory of a command that has ended back a little later, and no limit goes below what is used.
    await until('the pod takes a limit', () => takesLimit(daemon.cgroupParent, 150 << 20));
    t.after(() => makeMemoryParent(daemon.cgroupParent, 2 ** 40));
    const cmd = fill('300M');
    await daemon.client.runtime('ExecSync', { containerId, cmd, timeout: 60 }).catch(() => {}); // however it ends
    for (const id of ids) {
      assert.equal(await waitForExit(daemon.client, id), 137);
      const { status: ended } = await daemon.client.runtime('ContainerStatus', { containerId: id });
      assert.equal(ended?.reason, 'OOMKilled');
    }
    const { items } = await daemon.client.runtime('ListPodSandbox', { filter: { id: podSandboxId } });
    assert.equal(items[0]?.state, 'SANDBOX_NOTREADY');
  });

  test('a volume that is read-only down to the last mount is refused, and not announced', async () => {
    const { runtimeHandlers } = await daemon.client.runtime('Status', {});
    const announced = runtimeHandlers.find(({ name }) => name === 'gvisor')?.features;
    assert.equal(announced?.recursiveReadOnlyMounts, false);
    const podSandboxId = await runPod();
    const mount = { containerPath: '/ro', hostPath: daemon.root, readonly: true, recursiveReadOnly: true };
    await assert.rejects(run(podSandboxId, 'main', 'true', { config: { mounts: [mount] } }), {
      code: status.UNIMPLEMENTED,
      details: 'RROUnsupported: mount at "/ro": the runtime handler has no recursive read-only',
    });
  });

  test('the environment, a read-only root, volumes to read and to write', async () => {
    const podSandboxId = await runPod();
    const volume = join(daemon.root, 'volume');
    mkdirSync(volume);
    writeFileSync(join(volume, 'file'), 'from the host\n');
    const config: Partial<ContainerConfig> = {
      envs: [{ key: 'GREETING', value: Buffer.from('hello there') }],
      mounts: [
        { containerPath: '/ro', hostPath: volume, readonly: true },
        { containerPath: '/rw', hostPath: volume, readonly: false },
      ],
      linux: { securityContext: { readonlyRootfs: true } },
    };
    const containerId = await run(podSandboxId, 'main', 'sleep 4001', { config });
    const failing = async (script: string) => {
      const cmd = ['sh', '-c', script];
      return (await daemon.client.runtime('ExecSync', { containerId, cmd, timeout: 60 })).exitCode;
    };
    assert.equal(await exec(containerId, 'sh', '-c', 'echo $GREETING'), 'hello there\n');
    assert.equal(await exec(containerId, 'cat', '/ro/file'), 'from the host\n');
    assert.notEqual(await failing('echo > /ro/other'), 0);
    assert.notEqual(await failing('echo > /other'), 0);
    assert.equal(await failing('echo from inside > /rw/other'), 0);
    assert.equal(readFileSync(join(volume, 'other'), 'utf8'), 'from inside\n');
  });
});

/** False while more is in use than the kernel can take back (cgroup v1). */
function takesLimit(cgroupParent: string, bytes: number): boolean {
  try {
    makeMemoryParent(cgroupParent, bytes);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EBUSY') throw cause;
    return false;
  }
}
