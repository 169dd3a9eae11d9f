// Namespace mode TARGET of the pid namespace: a debugging container sees the processes of another one of its pod.

import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { suite, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { busybox } from '../harness/daemon.ts';
import { saidIn, useDaemon } from '../harness/daemon-suite.ts';
import { podConfig, waitForExit } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { until } from '../harness/until.ts';

const own = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;

for (const runtime of ['runc', 'crun']) {
  suite(`pid mode TARGET, ${runtime}`, { skip: missing(runtime) }, () => {
    const { daemon } = useDaemon({ handlers: [runtime] });

    async function pod(name: string): Promise<string> {
      const config = podConfig(daemon.pod(name));
      return (await daemon.client.runtime('RunPodSandbox', { config })).podSandboxId;
    }

    async function create(
      podSandboxId: string,
      name: string,
      command: string,
      targetId?: string,
    ): Promise<string> {
      const sandboxConfig = podConfig(daemon.pod('any'));
      const namespaceOptions = targetId === undefined ? own : ({ ...own, pid: 'TARGET', targetId } as const);
      const config = {
        metadata: { name, attempt: 0 },
        image: { image: busybox },
        command: ['/bin/sh', '-c', command],
        logPath: `${name}.log`,
        linux: { securityContext: { namespaceOptions } },
      };
      return (await daemon.client.runtime('CreateContainer', { podSandboxId, sandboxConfig, config }))
        .containerId;
    }

    async function run(
      podSandboxId: string,
      name: string,
      command: string,
      targetId?: string,
    ): Promise<string> {
      const containerId = await create(podSandboxId, name, command, targetId);
      await daemon.client.runtime('StartContainer', { containerId });
      return containerId;
    }

    const shell = (containerId: string, script: string) => saidIn(daemon, containerId, script);

    async function pidOf(containerId: string): Promise<number> {
      const { info } = await daemon.client.runtime('ContainerStatus', { containerId, verbose: true });
      return JSON.parse(info['info'] ?? '{}').pid;
    }

    test('it sees the processes of the target and its files, and ends alone', async () => {
      const podSandboxId = await pod('debugged');
      const target = await run(podSandboxId, 'target', 'echo of the target >/mark; exec sleep 4711');
      const debug = await run(podSandboxId, 'debug', 'exec sleep 1000', target);
      const [targetPid, debugPid] = [await pidOf(target), await pidOf(debug)];
      const namespace = (pid: number, kind: string) => readlinkSync(`/proc/${pid}/ns/${kind}`);
      assert.equal(namespace(debugPid, 'pid'), namespace(targetPid, 'pid'));
      assert.notEqual(namespace(debugPid, 'mnt'), namespace(targetPid, 'mnt'));
      const first = () => shell(debug, 'tr "\\0" " " </proc/1/cmdline');
      await until('the target is what it runs', async () => (await first()) === 'sleep 4711 ');
      assert.equal(await shell(debug, 'cat /proc/1/root/mark'), 'of the target\n');
      assert.match(await shell(debug, 'cat /mark'), /No such file/);
      await until('it is seen too', async () => /sleep 1000/.test(await shell(target, 'ps')));
      const { status: shown } = await daemon.client.runtime('ContainerStatus', { containerId: debug });
      assert.equal(shown?.state, 'CONTAINER_RUNNING');
      await daemon.client.runtime('StopContainer', { containerId: debug, timeout: 0 });
      assert.equal(await shell(target, 'echo it goes on'), 'it goes on\n');
    });

    test('it ends with its target', async () => {
      const podSandboxId = await pod('ending');
      const target = await run(podSandboxId, 'target', 'exec sleep 4712');
      const debug = await run(podSandboxId, 'debug', 'exec sleep 1000', target);
      await daemon.client.runtime('StopContainer', { containerId: target, timeout: 0 });
      assert.equal(await waitForExit(daemon.client, debug), 137);
    });

    test('a target that is not there to be joined is refused by its name, and nothing is left', async () => {
      const podSandboxId = await pod('refusing');
      const other = await run(await pod('other'), 'foreign', 'exec sleep 1000');
      const created = await create(podSandboxId, 'created', 'exec sleep 1000');
      const ended = await run(podSandboxId, 'ended', 'exit 3');
      await waitForExit(daemon.client, ended);
      const absent = 'f'.repeat(64);
      const refused = (target: string, code: number, details: RegExp) =>
        assert.rejects(create(podSandboxId, 'debug', 'true', target), { code, details });
      await refused(other, status.INVALID_ARGUMENT, new RegExp(`container "${other}": it is of another pod`));
      await refused(created, status.FAILED_PRECONDITION, new RegExp(`container "${created}": it is created`));
      await refused(ended, status.FAILED_PRECONDITION, new RegExp(`container "${ended}": it is exited`));
      await refused(
        absent,
        status.NOT_FOUND,
        new RegExp(`pid namespace of container "${absent}": there is no`),
      );
      await refused('', status.INVALID_ARGUMENT, /target_id is empty for pid mode TARGET/);
      const { containers } = await daemon.client.runtime('ListContainers', {});
      assert.deepEqual(containers.map(({ id }) => id).sort(), [created, ended, other].sort());
    });
  });
}
