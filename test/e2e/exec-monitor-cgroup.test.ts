// monitor_exec_cgroup of a runtime handler: monitors of exec-syncs in the cgroup of the container.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, suite, test } from 'node:test';
import { isUnified } from '../harness/cgroup-parent.ts';
import { findProgram } from '../harness/command.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { podConfig, removeAllPods } from '../harness/pods.ts';
import { commandOf, processIds } from '../harness/proc.ts';
import { missing } from '../harness/requirements.ts';
import { until } from '../harness/until.ts';
import { assertWorld, settledWorld, type World } from '../harness/world.ts';

const namespaceOptions = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;
const mebibyte = 1024 * 1024;
/** What charges and limits, and what kills and freezes. */
const [joined, left] = isUnified
  ? [[''], []]
  : [
      ['memory', 'cpu', 'cpuset', 'pids', 'blkio'],
      ['freezer', 'devices'],
    ];

function cgroupOf(pid: number, controller: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
  const line = lines.find((text) => text.split(':')[1]?.split(',').includes(controller)) ?? '';
  return line.split(':').slice(2).join(':');
}

const parentOf = (pid: number): number =>
  Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

interface Running {
  readonly containerId: string;
  readonly pid: number;
}

class ExecWorld {
  readonly directory = mkdtempSync(join(tmpdir(), 'cria-exec-cgroup-'));
  readonly daemon: TestDaemon;
  image = '';
  #empty: World | undefined;

  constructor(runtime: string, infraCpuset: string) {
    const real = findProgram(runtime) ?? runtime;
    const path = join(this.directory, 'runtime');
    const tell = `case "$*" in *--process*) cat /proc/self/cgroup >${this.directory}/runtime-cgroup ;; esac`;
    writeFileSync(path, `#!/bin/sh\n${tell}\nexec ${real} "$@"\n`, { mode: 0o755 });
    const probed = { name: 'probed', path, toml: 'monitor_exec_cgroup = "container"' };
    const runtimeToml = `infra_ctr_cpuset = "${infraCpuset}"`;
    this.daemon = new TestDaemon({ handlers: [runtime], moreHandlers: [probed], runtimeToml });
  }

  async open(): Promise<void> {
    this.image = await this.daemon.loadBusybox();
    await this.daemon.start();
    this.#empty = await settledWorld(this.daemon);
  }

  async clear(): Promise<void> {
    await removeAllPods(this.daemon.client);
    if (this.#empty !== undefined) await assertWorld(this.daemon, this.#empty);
  }

  async close(): Promise<void> {
    await this.daemon.destroy();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async run(handler: string, resources: object = {}, command = ['/bin/sleep', '1000']): Promise<Running> {
    const { client } = this.daemon;
    const sandboxConfig = podConfig(this.daemon.pod('pod', handler));
    const { podSandboxId } = await client.runtime('RunPodSandbox', {
      config: sandboxConfig,
      runtimeHandler: handler,
    });
    const config = {
      metadata: { name: 'main', attempt: 0 },
      image: { image: this.image },
      command,
      logPath: 'main.log',
      linux: { resources, securityContext: { namespaceOptions } },
    };
    const { containerId } = await client.runtime('CreateContainer', { podSandboxId, sandboxConfig, config });
    await client.runtime('StartContainer', { containerId });
    const { info } = await client.runtime('ContainerStatus', { containerId, verbose: true });
    return { containerId, pid: JSON.parse(info['info'] ?? '{}').pid };
  }

  exec(containerId: string, script: string, timeout = 60) {
    return this.daemon.client.runtime('ExecSync', { containerId, cmd: ['/bin/sh', '-c', script], timeout });
  }

  /** An exec that sleeps, with the monitor above it and what becomes of the call. */
  async sleeping(containerId: string, seconds: number) {
    const ended = this.exec(containerId, `exec sleep ${seconds}`).then(
      ({ exitCode }) => `code ${exitCode}`,
      (error: Error) => error.message,
    );
    const command = () => processIds().find((pid) => commandOf(pid) === `sleep ${seconds}`);
    await until('the command runs', () => command() !== undefined);
    const pid = command() as number;
    // The runtime may be the parent for a moment more.
    await until('its monitor is its parent', () => commandOf(parentOf(pid)).includes('cria-monitor'));
    return { pid, monitor: parentOf(pid), ended };
  }

  runtimeCgroups(): string {
    return readFileSync(join(this.directory, 'runtime-cgroup'), 'utf8');
  }

  warnings(containerId: string): string[] {
    const lines = readFileSync(this.daemon.logFile, 'utf8').split('\n');
    return lines.filter((line) => line.includes('exec monitor cannot join') && line.includes(containerId));
  }
}

for (const runtime of ['runc', 'crun']) {
  suite(`monitor_exec_cgroup = "container" with infra_ctr_cpuset, ${runtime}`, {
    skip: missing(runtime),
  }, () => {
    const world = new ExecWorld(runtime, '0');
    before(() => world.open());
    after(() => world.close());
    afterEach(() => world.clear());

    test('the monitor and the runtime of an exec are in the cgroup of the container, and leave nothing', async () => {
      const { containerId, pid: init } = await world.run('probed');
      const { monitor, pid, ended } = await world.sleeping(containerId, 98_761);
      for (const controller of joined)
        assert.equal(cgroupOf(monitor, controller), cgroupOf(init, controller));
      for (const controller of left) assert.doesNotMatch(cgroupOf(monitor, controller), /crio-/);
      const controller = isUnified ? '' : 'memory';
      assert.ok(world.runtimeCgroups().includes(`${controller}:${cgroupOf(init, controller)}\n`));
      process.kill(pid, 'SIGKILL');
      assert.equal(await ended, 'code 137');
      assert.deepEqual(world.warnings(containerId), []);
    });

    test('a container that is removed meanwhile is gone with its cgroup, and the exec has an end', async () => {
      const { containerId, pid: init } = await world.run('probed');
      const { ended } = await world.sleeping(containerId, 98_762);
      const cgroups = joined.map((name) => join('/sys/fs/cgroup', name, cgroupOf(init, name)));
      assert.ok(cgroups.every(existsSync));
      await world.daemon.client.runtime('RemoveContainer', { containerId });
      assert.deepEqual(cgroups.filter(existsSync), []);
      assert.match(await ended, /^code 137$|lost the exec in container/);
    });

    test('a command that needs more memory than the container has is killed, and its monitor tells so', async () => {
      const { containerId } = await world.run('probed', { memoryLimitInBytes: String(32 * mebibyte) });
      // it keeps as many bytes as it may have to print
      const { exitCode } = await world.exec(containerId, 'tail -c 200000000 /dev/zero');
      assert.equal(exitCode, 137);
      assert.equal((await world.exec(containerId, 'exit 3')).exitCode, 3);
    });

    test('an init that has left the cgroup: the exec works, and the log tells of it once', async () => {
      const { containerId, pid: init } = await world.run('probed');
      for (const name of isUnified ? [''] : readdirSync('/sys/fs/cgroup')) {
        const parent = join('/sys/fs/cgroup', name, world.daemon.cgroupParent, 'cgroup.procs');
        if (isUnified) writeFileSync('/sys/fs/cgroup/cgroup.procs', String(init));
        else if (existsSync(parent)) writeFileSync(parent, String(init));
      }
      for (const code of [4, 5]) assert.equal((await world.exec(containerId, `exit ${code}`)).exitCode, code);
      assert.equal(world.warnings(containerId).length, 1);
    });

    test('another handler keeps its exec monitors with the daemon', async () => {
      const { containerId } = await world.run('');
      const { monitor, pid, ended } = await world.sleeping(containerId, 98_763);
      for (const name of joined) assert.equal(cgroupOf(monitor, name), cgroupOf(world.daemon.pid, name));
      process.kill(pid, 'SIGKILL');
      await ended;
    });
  });
}

describe('monitor_exec_cgroup = "container" without infra_ctr_cpuset', { skip: missing('runc') }, () => {
  const world = new ExecWorld('runc', '');
  before(() => world.open());
  after(() => world.close());

  test('it has no effect, and the log tells of it', async () => {
    const { containerId } = await world.run('probed');
    const { monitor, pid, ended } = await world.sleeping(containerId, 98_764);
    for (const name of joined) assert.equal(cgroupOf(monitor, name), cgroupOf(world.daemon.pid, name));
    assert.doesNotMatch(world.runtimeCgroups(), new RegExp(containerId));
    process.kill(pid, 'SIGKILL');
    await ended;
    const log = readFileSync(world.daemon.logFile, 'utf8');
    assert.match(
      log,
      /no effect without infra_ctr_cpuset.*key=crio\.runtime\.runtimes\.probed\.monitor_exec_cgroup$/m,
    );
    await world.clear();
  });
});
