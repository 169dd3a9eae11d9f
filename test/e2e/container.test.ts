// What the kubelet counts on beyond the plain life cycle: errors, stops, exec, logs, namespaces, memory.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { ContainerConfig } from '../../internal/cri/gen/runtime/v1/ContainerConfig.ts';
import type { ContainerStatus__Output } from '../../internal/cri/gen/runtime/v1/ContainerStatus.ts';
import type { NamespaceOption } from '../../internal/cri/gen/runtime/v1/NamespaceOption.ts';
import type { PodSandboxConfig } from '../../internal/cri/gen/runtime/v1/PodSandboxConfig.ts';
import { busybox } from '../harness/daemon.ts';
import { useDaemon } from '../harness/daemon-suite.ts';
import { podConfig, readContainerLog, waitForExit } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { until } from '../harness/until.ts';
import { whileEndIsUntold } from '../harness/untold-end.ts';

const unknownId = 'f'.repeat(64);
const ownPid: NamespaceOption = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' };

describe('containers', { skip: missing('runc') }, () => {
  const { daemon } = useDaemon();
  const pod = daemon.pod('pod');
  let attempt = 0;

  async function runPod(namespaceOptions = ownPid, changes: Partial<PodSandboxConfig> = {}): Promise<string> {
    const config = podConfig(pod);
    const linux = { ...config.linux, ...changes.linux, securityContext: { namespaceOptions } };
    const request = { config: { ...config, ...changes, linux }, runtimeHandler: '' };
    return (await daemon.client.runtime('RunPodSandbox', request)).podSandboxId;
  }

  async function start(
    podSandboxId: string,
    script: string,
    changes: Partial<ContainerConfig> = {},
  ): Promise<string> {
    attempt += 1;
    const config: ContainerConfig = {
      metadata: { name: 'main', attempt },
      image: { image: busybox },
      command: ['/bin/sh', '-c', script],
      logPath: `main-${attempt}.log`,
      linux: { securityContext: { namespaceOptions: ownPid } },
      ...changes,
    };
    const request = { podSandboxId, config, sandboxConfig: podConfig(pod) };
    const { containerId } = await daemon.client.runtime('CreateContainer', request);
    await daemon.client.runtime('StartContainer', { containerId });
    return containerId;
  }

  async function statusOf(containerId: string): Promise<ContainerStatus__Output> {
    const answer = await daemon.client.runtime('ContainerStatus', { containerId });
    assert.ok(answer.status);
    return answer.status;
  }

  /** Waits until the container has said this in its log. */
  async function hasSaid(containerId: string, text: string): Promise<void> {
    const { logPath } = await statusOf(containerId);
    while (!readFileSync(logPath, 'utf8').includes(text)) await sleep(10);
  }

  async function exec(
    containerId: string,
    script: string,
    timeout = 0,
  ): Promise<{ code: number; out: string; err: string }> {
    const cmd = ['/bin/sh', '-c', script];
    const answer = await daemon.client.runtime('ExecSync', { containerId, cmd, timeout });
    return { code: answer.exitCode, out: answer.stdout.toString(), err: answer.stderr.toString() };
  }

  test('what nobody knows: NotFound from status, success from stop and remove', async () => {
    const { client } = daemon;
    const notFound = { code: status.NOT_FOUND };
    await assert.rejects(client.runtime('ContainerStatus', { containerId: unknownId }), notFound);
    await assert.rejects(client.runtime('PodSandboxStatus', { podSandboxId: unknownId }), notFound);
    await assert.rejects(client.runtime('StartContainer', { containerId: unknownId }), notFound);
    await assert.rejects(client.runtime('ExecSync', { containerId: unknownId, cmd: ['true'] }), notFound);
    await client.runtime('StopContainer', { containerId: unknownId, timeout: 1 });
    await client.runtime('RemoveContainer', { containerId: unknownId });
    await client.runtime('StopPodSandbox', { podSandboxId: unknownId });
    await client.runtime('RemovePodSandbox', { podSandboxId: unknownId });
    assert.equal((await client.image('ImageStatus', { image: { image: 'localhost/none' } })).image, null);
    await client.image('RemoveImage', { image: { image: 'localhost/none' } });
  });

  test('a call that is not done yet says so', async () => {
    const refused = {
      code: status.UNIMPLEMENTED,
      details: 'CheckpointContainer is not supported by this version of cria',
    };
    await assert.rejects(daemon.client.runtime('CheckpointContainer', { containerId: unknownId }), refused);
  });

  test('a second stop shortens the grace period of the first, and both end', async () => {
    const id = await start(await runPod(), "trap 'echo told' TERM; echo ready; while :; do sleep 0.1; done");
    await hasSaid(id, 'ready');
    const startMs = performance.now();
    const slow = daemon.client.runtime('StopContainer', { containerId: id, timeout: 600 }, 600_000);
    await hasSaid(id, 'told');
    await daemon.client.runtime('StopContainer', { containerId: id, timeout: 1 });
    await slow;
    assert.ok(performance.now() - startMs < 300_000, 'the first stop went on with its own grace period');
    const { state, exitCode, reason } = await statusOf(id);
    assert.deepEqual([state, exitCode, reason], ['CONTAINER_EXITED', 137, 'Error']);
  });

  test('the stop signal of the request wins, and its handler decides the exit code', async () => {
    const id = await start(await runPod(), "trap 'exit 5' USR1; echo ready; while :; do sleep 0.1; done", {
      stopSignal: 'SIGUSR1',
    });
    await hasSaid(id, 'ready');
    await daemon.client.runtime('StopContainer', { containerId: id, timeout: 60 });
    assert.equal((await statusOf(id)).exitCode, 5);
  });

  test('ExecSync: output apart, exit codes, what cannot be started, a timeout that kills the whole tree', async () => {
    const podId = await runPod();
    const id = await start(podId, 'sleep 1000');
    assert.deepEqual(await exec(id, 'echo out; echo err >&2; exit 3'), {
      code: 3,
      out: 'out\n',
      err: 'err\n',
    });
    assert.deepEqual(await exec(id, 'kill -9 $$'), { code: 137, out: '', err: '' });
    const { out } = await exec(id, 'head -c 20000000 /dev/zero');
    assert.equal(out.length, 16 * 1024 * 1024 - 64 * 1024);
    const both = await exec(id, 'head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2');
    assert.equal(both.out.length, both.err.length);
    await assert.rejects(
      daemon.client.runtime('ExecSync', { containerId: id, cmd: ['/no/such'] }),
      /\/no\/such/,
    );
    const script = 'setsid sleep 4321 & (sleep 4322 &) ; sleep 4323';
    await assert.rejects(exec(id, script, 1), { code: status.DEADLINE_EXCEEDED });
    assert.equal((await exec(id, 'ps | grep "sleep 43" | grep -v grep || true')).out, '');
    await daemon.client.runtime('StopContainer', { containerId: id, timeout: 0 });
    await assert.rejects(exec(id, 'true'), { code: status.FAILED_PRECONDITION });
  });

  test('ExecSync in a container whose end nobody has told yet', async () => {
    const containerId = await start(await runPod(), 'exec sleep 1000');
    await whileEndIsUntold(daemon, containerId, async () => {
      await assert.rejects(
        daemon.client.runtime('ExecSync', { containerId, cmd: ['/bin/true'], timeout: 60 }),
        /^Error: 9 FAILED_PRECONDITION: cannot run a command in container "[0-9a-f]{64}": it has ended meanwhile$/,
      );
    });
    assert.equal(await waitForExit(daemon.client, containerId), 137);
  });

  test('ReopenContainerLog: a new file when it returns; refused for a container that has ended, without a file', async () => {
    const podId = await runPod();
    const id = await start(podId, 'i=0; while [ ! -e /end ]; do echo $i; i=$((i+1)); sleep 0.02; done');
    const log = (await statusOf(id)).logPath;
    await hasSaid(id, ' F 3\n');
    renameSync(log, `${log}.1`);
    await daemon.client.runtime('ReopenContainerLog', { containerId: id });
    assert.ok(existsSync(log));
    const rotated = readFileSync(`${log}.1`);
    await exec(id, 'touch /end');
    await waitForExit(daemon.client, id);
    assert.deepEqual(readFileSync(`${log}.1`), rotated);
    const lines = `${rotated}${readFileSync(log)}`.trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => Number(line.split(' ')[3])),
      lines.map((_, index) => index),
    );
    renameSync(log, `${log}.2`);
    const refused = { code: status.FAILED_PRECONDITION };
    await assert.rejects(daemon.client.runtime('ReopenContainerLog', { containerId: id }), refused);
    assert.ok(!existsSync(log));
  });

  test('a container that the kernel kills for memory is OOMKilled with 137', async () => {
    const limit = 15 * 1024 * 1024;
    const resources = { memoryLimitInBytes: limit, memorySwapLimitInBytes: limit };
    const linux = { resources, securityContext: { namespaceOptions: ownPid } };
    const id = await start(await runPod(), 'dd if=/dev/zero of=/dev/null bs=20M', { linux });
    await waitForExit(daemon.client, id);
    const { exitCode, reason } = await statusOf(id);
    assert.deepEqual([exitCode, reason], [137, 'OOMKilled']);
  });

  test('a pod-level pid namespace: pause is its first process, containers see each other', async () => {
    const shared: NamespaceOption = { ...ownPid, pid: 'POD' };
    const podId = await runPod(shared);
    const linux = { securityContext: { namespaceOptions: shared } };
    await start(podId, 'exec sleep 7654', { linux, metadata: { name: 'other', attempt: 0 } });
    const id = await start(podId, 'sleep 1000', { linux });
    assert.match((await exec(id, 'cat /proc/1/cmdline')).out, /pause/);
    await until('the other one is seen', async () => /sleep 7654/.test((await exec(id, 'ps')).out));
    // The children of a container whose init is not pid 1 of a namespace do not outlive it.
    const orphan = await start(podId, '(setsid sleep 9876 &) ; sleep 0.2; exit 4', { linux });
    await waitForExit(daemon.client, orphan);
    assert.equal((await statusOf(orphan)).exitCode, 4);
    await until('its children are dead', async () => !/sleep 9876/.test((await exec(id, 'ps')).out));
  });

  test('a pod on the host’s network has the node’s name and no address of its own', async () => {
    const onHost: NamespaceOption = { network: 'NODE', pid: 'CONTAINER', ipc: 'NODE' };
    const podId = await runPod(onHost);
    const answer = await daemon.client.runtime('PodSandboxStatus', { podSandboxId: podId });
    assert.equal(answer.status?.network, null);
    const linux = { securityContext: { namespaceOptions: onHost } };
    const id = await start(podId, 'hostname', { linux });
    await waitForExit(daemon.client, id);
    const name = readFileSync('/proc/sys/kernel/hostname', 'utf8').trim();
    assert.deepEqual(
      readContainerLog(pod, `main-${attempt}`).map((line) => line.text),
      [name],
    );
  });

  test('hostname, DNS, sysctls and shared memory of the pod are seen inside', async () => {
    const podId = await runPod(ownPid, {
      hostname: 'some-host',
      dnsConfig: { servers: ['10.10.10.10'], searches: ['google.com'], options: ['ndots:8'] },
      linux: {
        cgroupParent: daemon.cgroupParent,
        sysctls: { 'kernel.shm_rmid_forced': '1', 'net.ipv4.ip_unprivileged_port_start': '99' },
      },
    });
    const id = await start(podId, 'sleep 1000');
    const look =
      'hostname; cat /etc/hostname /etc/resolv.conf /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ip_unprivileged_port_start';
    const expected =
      'some-host\nsome-host\nnameserver 10.10.10.10\nsearch google.com\noptions ndots:8\n1\n99\n';
    assert.equal((await exec(id, look)).out, expected);
    assert.match((await exec(id, 'df -k /dev/shm')).out, / 65536 /);
  });

  test('a sysctl that is not the pod’s, or whose value the kernel does not take, is refused by its name', async () => {
    const refused = async (sysctls: Record<string, string>, expected: object): Promise<void> => {
      const linux = { cgroupParent: daemon.cgroupParent, sysctls };
      const config = { ...podConfig({ ...pod, name: 'bad' }), linux };
      await assert.rejects(daemon.client.runtime('RunPodSandbox', { config, runtimeHandler: '' }), expected);
    };
    const code = status.INVALID_ARGUMENT;
    await refused(
      { 'kernel.core_pattern': '|/x' },
      { code, details: 'sysctl "kernel.core_pattern" is not namespaced' },
    );
    const cannot = (name: string, value: string, why: string): string =>
      `sysctl "${name}" of the pod cannot be set to "${value}" on this node: ${why}`;
    const port = 'net.ipv4.ip_unprivileged_port_start';
    await refused({ [port]: '70000' }, { code, details: cannot(port, '70000', 'Invalid argument') });
    const noSuch = cannot('net.ipv4.no_such', '1', 'No such file or directory');
    await refused(
      { 'net.ipv4.no_such': '1', 'net.ipv4.ip_forward': '1' },
      { code: status.FAILED_PRECONDITION, details: noSuch },
    );
  });

  test('a terminal: all output on stdout, with carriage returns, and a size', async () => {
    const id = await start(await runPod(), 'test -t 0 && test -t 1 && echo yes; echo err >&2', {
      tty: true,
      stdin: true,
    });
    await waitForExit(daemon.client, id);
    const lines = readContainerLog(pod, `main-${attempt}`).map(({ stream, text }) => [stream, text]);
    assert.deepEqual(lines, [
      ['stdout', 'yes\r'],
      ['stdout', 'err\r'],
    ]);
  });

  test('lists filter by state, labels, sandbox and id prefix', async () => {
    const podId = await runPod();
    const ended = await start(podId, 'true', { labels: { kind: 'short' } });
    const running = await start(podId, 'sleep 1000', { labels: { kind: 'long' } });
    await waitForExit(daemon.client, ended);
    const ids = async (filter: object): Promise<string[]> =>
      (await daemon.client.runtime('ListContainers', { filter })).containers.map(({ id }) => id);
    assert.deepEqual(await ids({ state: { state: 'CONTAINER_RUNNING' } }), [running]);
    assert.deepEqual(await ids({ labelSelector: { kind: 'short' } }), [ended]);
    assert.deepEqual(await ids({ podSandboxId: podId.slice(0, 12) }), [ended, running]);
    assert.deepEqual(await ids({ id: running.slice(0, 12) }), [running]);
    assert.deepEqual(await ids({ podSandboxId: unknownId }), []);
  });

  test('an image in use is not removed, and its user is', async () => {
    const id = await start(await runPod(), 'sleep 1000');
    const refused = { code: status.FAILED_PRECONDITION, details: new RegExp(id.slice(0, 12)) };
    await assert.rejects(daemon.client.image('RemoveImage', { image: { image: busybox } }), refused);
  });
});
