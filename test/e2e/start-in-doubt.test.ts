// A start whose outcome the daemon has not seen: it died, or the runtime was lost at its work. A container that runs goes
// on, and the exit code of one that has ended is its own.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { command, findProgram } from '../harness/command.ts';
import { busybox } from '../harness/daemon.ts';
import { useDaemon } from '../harness/daemon-suite.ts';
import { createContainer, readContainerLog, runPod, waitForExit } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { until } from '../harness/until.ts';

/** Does what it is asked to, and then fails at `start`. */
const forgetful = (runtime: string): string => `#!/bin/sh
${runtime} "$@" || exit
for word; do [ "$word" != start ] || { echo "lost my way" >&2; exit 1; }; done
`;

describe('a start in doubt', { skip: missing('runc') }, () => {
  const runc = findProgram('runc') ?? '';
  const directory = mkdtempSync(join(tmpdir(), 'cria-runtime-'));
  const path = join(directory, 'forgetful');
  const { daemon } = useDaemon({ moreHandlers: [{ name: 'forgetful', path }] }, () => {
    writeFileSync(path, forgetful(runc), { mode: 0o755 });
  });
  after(() => rmSync(directory, { recursive: true }));

  async function create(name: string, script: string, handler = ''): Promise<string> {
    const pod = daemon.pod(name, handler);
    const request = { name: 'main', image: busybox, command: ['/bin/sh', '-c', script] };
    return createContainer(daemon.client, await runPod(daemon.client, pod), pod, request);
  }

  async function processesIn(containerId: string): Promise<{ pid: number; monitorPid: number }> {
    const { info } = await daemon.client.runtime('ContainerStatus', { containerId, verbose: true });
    return JSON.parse(info['info'] ?? '{}');
  }

  const start = (containerId: string) => daemon.client.runtime('StartContainer', { containerId });

  /** As a daemon that dies between the runtime's start and its own record; the next one does not hear of the monitor. */
  async function startUnseen(containerId: string, isThere: (pid: number) => boolean): Promise<number> {
    const { pid, monitorPid } = await processesIn(containerId);
    await daemon.kill();
    process.kill(monitorPid, 'SIGSTOP');
    await command([runc, '--root', join(daemon.root, 'run/runc'), 'start', containerId]);
    await until('it is there', () => isThere(pid));
    await daemon.start();
    return monitorPid;
  }

  test('of the daemon before: the container runs', async () => {
    const containerId = await create('runs', 'exec sleep 1000');
    const isSleeping = (pid: number) => /sleep/.test(readFileSync(`/proc/${pid}/comm`, 'utf8'));
    const monitorPid = await startUnseen(containerId, isSleeping);
    try {
      await start(containerId);
      assert.ok(isSleeping((await processesIn(containerId)).pid), 'it was killed');
    } finally {
      process.kill(monitorPid, 'SIGCONT');
    }
    const { status } = await daemon.client.runtime('ContainerStatus', { containerId });
    assert.equal(status?.state, 'CONTAINER_RUNNING');
  });

  test('of the daemon before: the container has ended', async () => {
    const containerId = await create('ended', 'exit 7');
    const isZombie = (pid: number) => /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')); // its parent is asleep
    const monitorPid = await startUnseen(containerId, isZombie);
    try {
      await assert.rejects(
        start(containerId),
        /cannot be started: it is exited, only a created container can/,
      );
    } finally {
      process.kill(monitorPid, 'SIGCONT');
    }
    assert.equal(await waitForExit(daemon.client, containerId), 7);
    const { status } = await daemon.client.runtime('ContainerStatus', { containerId });
    assert.equal(status?.reason, 'Error');
  });

  test('that the runtime calls failed, while the container runs', async () => {
    const containerId = await create(
      'failed',
      'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done',
      'forgetful',
    );
    await start(containerId);
    const { status } = await daemon.client.runtime('ContainerStatus', { containerId });
    assert.equal(status?.state, 'CONTAINER_RUNNING');
    assert.match(daemon.logTail(), /the start of a container failed, but it runs.*lost my way/);
    await until('the trap is set', () => readContainerLog(daemon.pod('failed'), 'main').length > 0);
    await daemon.client.runtime('StopContainer', { containerId, timeout: 10 });
    assert.equal(await waitForExit(daemon.client, containerId), 9);
  });
});
