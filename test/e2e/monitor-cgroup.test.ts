// monitor_cgroup and monitor_env of a runtime handler.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { cgroupDirectory, isUnified, processesIn } from '../harness/cgroup-parent.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { createContainer, type PodRequest, removeAllPods, runPod } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { until } from '../harness/until.ts';
import { assertWorld, settledWorld, type World } from '../harness/world.ts';

const runc = ['/usr/bin/runc', '/usr/sbin/runc', '/usr/local/sbin/runc'].find((path) => existsSync(path));

const scoreOf = (pid: number | 'self') => Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'));
/** Without CAP_SYS_RESOURCE, as in some containers, nobody can go below what was inherited. */
const mayProtect = spawnSync('sh', ['-c', 'echo -1000 >/proc/self/oom_score_adj']).status === 0;

describe('a handler with monitor_cgroup = "pod" and monitor_env', { skip: missing('runc') }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'cria-monitor-env-'));
  let daemon: TestDaemon;
  let image: string;
  let untouched: World;

  before(async () => {
    const runtimePath = join(directory, 'runtime');
    const tell = `case "$*" in *create*) env >>${directory}/env ;; esac`;
    const script = `#!/bin/sh\n${tell}\nexec ${runc} "$@"\n`;
    writeFileSync(runtimePath, script, { mode: 0o755 });
    const handler = `runtime_path = "${runtimePath}"\nruntime_root = "${directory}/state"\n`;
    const options = 'monitor_cgroup = "pod"\nmonitor_env = ["PATH=/usr/sbin:/usr/bin", "COLOUR=dark blue"]\n';
    daemon = new TestDaemon({ extraToml: `[crio.runtime.runtimes.inpod]\n${handler}${options}` });
    await daemon.start();
    image = await daemon.loadBusybox();
    untouched = await settledWorld(daemon);
  });

  after(async () => {
    await daemon?.destroy();
    rmSync(directory, { recursive: true, force: true });
  });

  afterEach(async () => {
    await removeAllPods(daemon.client);
    await assertWorld(daemon, untouched);
  });

  async function start(pod: PodRequest): Promise<{ containerId: string; pid: number; monitorPid: number }> {
    const podId = await runPod(daemon.client, pod);
    const request = { name: 'main', image, command: ['/bin/sleep', '1000'] };
    const containerId = await createContainer(daemon.client, podId, pod, request);
    await daemon.client.runtime('StartContainer', { containerId });
    const { info } = await daemon.client.runtime('ContainerStatus', { containerId, verbose: true });
    return { containerId, ...JSON.parse(info?.['info'] ?? '') };
  }

  const controllers = isUnified ? [''] : ['memory', 'cpu', 'pids'];
  const placeOf = (controller: string, containerId: string) =>
    cgroupDirectory(controller, join(daemon.cgroupParent, `crio-conmon-${containerId}`));

  test('the monitor is in a cgroup of its own beside its container, and that goes with it', async () => {
    const { containerId, pid, monitorPid } = await start(daemon.pod('inside', 'inpod'));
    for (const controller of controllers)
      assert.deepEqual(processesIn(placeOf(controller, containerId)), [monitorPid]);
    const cgroups = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
    assert.ok(cgroups.includes(`/crio-${containerId}`) && !cgroups.includes('conmon'));
    assert.match(readFileSync(join(directory, 'env'), 'utf8'), /^COLOUR=dark blue$/m);
    assert.doesNotMatch(readFileSync(join(directory, 'env'), 'utf8'), /^PATH=.*local/m);
    await daemon.client.runtime('RemoveContainer', { containerId });
    for (const controller of controllers) assert.ok(!existsSync(placeOf(controller, containerId)));
  });

  test('a monitor that goes on in the place of one that died is there too', async () => {
    const { containerId, monitorPid } = await start(daemon.pod('again', 'inpod'));
    process.kill(monitorPid, 'SIGKILL');
    const [controller = ''] = controllers;
    const inside = () => processesIn(placeOf(controller, containerId)).filter((pid) => pid !== monitorPid);
    const told = async (): Promise<number> => {
      const { info } = await daemon.client.runtime('ContainerStatus', { containerId, verbose: true });
      return JSON.parse(info?.['info'] ?? '').monitorPid;
    };
    // It is in its place before the daemon hears of it.
    await until('the daemon hears of it', async () => (await told()) !== monitorPid);
    assert.deepEqual(inside(), [await told()]);
    assert.equal(scoreOf(inside()[0] ?? 'self'), mayProtect ? -1000 : scoreOf('self'));
  });

  test('an exec in it works, and the monitor is the last to be killed for memory', async () => {
    const { containerId, pid, monitorPid } = await start(daemon.pod('exec', 'inpod'));
    const { exitCode } = await daemon.client.runtime('ExecSync', {
      containerId,
      cmd: ['true'],
      timeout: 60,
    });
    assert.equal(exitCode, 0);
    assert.equal(scoreOf(monitorPid), mayProtect ? -1000 : scoreOf('self'));
    assert.notEqual(scoreOf(pid), -1000);
  });

  test('without the option it stays with the daemon', async () => {
    const { containerId, monitorPid } = await start(daemon.pod('outside'));
    const [own, monitor] = [daemon.pid, monitorPid].map((pid) => readFileSync(`/proc/${pid}/cgroup`, 'utf8'));
    assert.equal(monitor, own);
    assert.deepEqual(
      readdirSync(cgroupDirectory(controllers[0] ?? '', daemon.cgroupParent)).filter((name) =>
        name.startsWith('crio-'),
      ),
      [`crio-${containerId}`],
    );
  });
});
