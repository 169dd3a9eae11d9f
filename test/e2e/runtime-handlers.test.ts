// Runtime handlers as a RuntimeClass picks them: runc, crun and gVisor side by side, their options, and handlers that the
// configuration no longer has.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { ContainerConfig } from '../../internal/cri/gen/runtime/v1/ContainerConfig.ts';
import type { NamespaceMode } from '../../internal/cri/gen/runtime/v1/NamespaceMode.ts';
import { findProgram } from '../harness/command.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { podConfig, readContainerLog, removeAllPods, waitForExit } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { until } from '../harness/until.ts';
import { assertWorld, settledWorld, type World } from '../harness/world.ts';

const runc = findProgram('runc') ?? 'runc';

interface Started {
  readonly podSandboxId: string;
  readonly containerId: string;
}

class Handlers extends TestDaemon {
  image = '';

  async open(): Promise<World> {
    this.image = await this.loadBusybox();
    await this.start();
    return settledWorld(this);
  }

  /** Runs a pod named after its handler, with one container. */
  async run(
    handler: string,
    script: string,
    changes: { readonly pid?: 'POD' | 'CONTAINER'; readonly container?: Partial<ContainerConfig> } = {},
  ): Promise<Started> {
    const namespaceOptions = { network: 'POD', pid: changes.pid ?? 'CONTAINER', ipc: 'POD' } as const;
    const plain = podConfig(this.pod(handler));
    const sandboxConfig = { ...plain, linux: { ...plain.linux, securityContext: { namespaceOptions } } };
    const { podSandboxId } = await this.client.runtime('RunPodSandbox', {
      config: sandboxConfig,
      runtimeHandler: handler,
    });
    const config: ContainerConfig = {
      metadata: { name: 'main' },
      image: { image: this.image },
      command: ['/bin/sh', '-c', script],
      logPath: 'main.log',
      linux: { securityContext: { namespaceOptions } },
      ...changes.container,
    };
    const { containerId } = await this.client.runtime('CreateContainer', {
      podSandboxId,
      config,
      sandboxConfig,
    });
    await this.client.runtime('StartContainer', { containerId });
    if (script === trapped) await this.#isReady(handler);
    return { podSandboxId, containerId };
  }

  /** The trap is set. */
  async #isReady(handler: string): Promise<void> {
    const hasStarted = () => readContainerLog(this.pod(handler), 'main').some(({ text }) => text === 'ready');
    await until('the container has begun to work', hasStarted);
  }

  async exec(containerId: string, ...cmd: string[]): Promise<string> {
    const { stdout, exitCode } = await this.client.runtime('ExecSync', { containerId, cmd, timeout: 60 });
    assert.equal(exitCode, 0);
    return stdout.toString();
  }

  async state(containerId: string): Promise<string | undefined> {
    return (await this.client.runtime('ContainerStatus', { containerId })).status?.state;
  }
}

const trapped = 'trap "echo bye; exit 7" TERM; echo ready; while :; do sleep 0.1; done';

describe('runtime classes', { skip: missing('runc', 'crun') }, () => {
  const denyMkdir = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
  };
  const platform = `linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
  let profile = '';
  let empty: World;

  class WithOptions extends Handlers {
    constructor() {
      super({
        handlers: ['runc', 'crun'],
        moreHandlers: [
          {
            name: 'by-platform',
            path: '/bin/false',
            toml: `platform_runtime_paths = { "${platform}" = "${runc}" }`,
          },
          { name: 'logged', path: runc, toml: 'runtime_args = ["--log-format", "json"]' },
          { name: 'strict', path: runc, toml: 'seccomp_profile = "@PROFILE@"' },
          { name: 'vm-like', path: runc, toml: 'runtime_config_path = "/etc/kata.toml"' },
        ],
      });
      profile = join(this.root, 'strict.json');
      writeFileSync(profile, JSON.stringify(denyMkdir));
      const { configFile } = this.paths;
      writeFileSync(configFile, readFileSync(configFile, 'utf8').replace('@PROFILE@', profile));
    }
  }
  const daemon = new WithOptions();

  before(async () => {
    empty = await daemon.open();
  });
  after(() => daemon.destroy());
  afterEach(async () => {
    await removeAllPods(daemon.client);
    await assertWorld(daemon, empty);
  });

  for (const handler of ['runc', 'crun', 'by-platform', 'logged']) {
    test(`a pod of the handler ${handler} lives, survives a restart of the daemon, and ends`, async () => {
      const { podSandboxId, containerId } = await daemon.run(handler, trapped);
      const { items } = await daemon.client.runtime('ListPodSandbox', { filter: { id: podSandboxId } });
      assert.equal(items[0]?.runtimeHandler, handler);
      await daemon.restart();
      assert.equal(await daemon.exec(containerId, 'echo', 'here'), 'here\n');
      await daemon.client.runtime('StopContainer', { containerId, timeout: 30 });
      assert.equal(await waitForExit(daemon.client, containerId), 7);
    });
  }

  test('the seccomp profile of a handler is what RuntimeDefault means', async () => {
    const namespaceOptions = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;
    const withProfile = (profileType: 'RuntimeDefault' | 'Unconfined') => ({
      container: { linux: { securityContext: { namespaceOptions, seccomp: { profileType } } } },
    });
    const script = 'mkdir /made';
    const { containerId } = await daemon.run('strict', script, withProfile('RuntimeDefault'));
    assert.equal(await waitForExit(daemon.client, containerId), 1);
    await removeAllPods(daemon.client);
    const free = await daemon.run('strict', script, withProfile('Unconfined'));
    assert.equal(await waitForExit(daemon.client, free.containerId), 0);
  });

  test('a seccomp profile under which nothing can run is refused at once by each handler', async () => {
    const namespaceOptions = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;
    const localhostRef = join(daemon.root, 'deadly.json');
    writeFileSync(localhostRef, '{"defaultAction":"SCMP_ACT_KILL","syscalls":[]}');
    const seccomp = { profileType: 'Localhost', localhostRef } as const;
    const container = { linux: { securityContext: { namespaceOptions, seccomp } } };
    for (const handler of ['runc', 'crun'])
      await assert.rejects(daemon.run(handler, 'true', { container }), {
        code: status.INVALID_ARGUMENT,
        details:
          /^no process can run under the seccomp profile: its default action SCMP_ACT_KILL is for all of/,
      });
  });

  test('a handler that is not there is refused with the names of those that are', async () => {
    await assert.rejects(daemon.run('absent', 'true'), {
      code: status.NOT_FOUND,
      details:
        /runtime handler "absent" is not configured \(there are: by-platform, crun, logged, runc, strict\)/,
    });
    assert.match(daemon.logTail(1000), /handler \\?"vm-like\\?" is left out.*runtime_config_path/);
  });
});

describe('a handler that the configuration no longer has', { skip: missing('runc') }, () => {
  const daemon = new Handlers({ moreHandlers: [{ name: 'old', path: runc }] });

  after(() => daemon.destroy());

  function rewrite(change: (text: string) => string): void {
    const { configFile } = daemon.paths;
    writeFileSync(configFile, change(readFileSync(configFile, 'utf8')));
  }

  test('its pod goes on: it is listed, takes commands, stops and is removed; no other one is made', async () => {
    const empty = await daemon.open();
    // With a shared pid namespace there is an infra container of the handler too.
    const pid: NamespaceMode = 'POD';
    const { podSandboxId, containerId } = await daemon.run('old', trapped, { pid });
    await daemon.stop();
    rewrite((text) => text.replace(/\[crio\.runtime\.runtimes\.old\][^[]*/, ''));
    await daemon.start();
    const { items } = await daemon.client.runtime('ListPodSandbox', {});
    assert.deepEqual(
      items.map((item) => [item.id, item.state, item.runtimeHandler]),
      [[podSandboxId, 'SANDBOX_READY', 'old']],
    );
    assert.equal(await daemon.state(containerId), 'CONTAINER_RUNNING');
    assert.equal(await daemon.exec(containerId, 'echo', 'here'), 'here\n');
    await daemon.client.runtime('UpdateContainerResources', { containerId, linux: { cpuShares: 300 } });
    await assert.rejects(daemon.run('old', 'true', { pid: 'CONTAINER' }), { code: status.NOT_FOUND });
    await daemon.client.runtime('StopContainer', { containerId, timeout: 30 });
    assert.equal(await waitForExit(daemon.client, containerId), 7);
    await removeAllPods(daemon.client);
    await assertWorld(daemon, empty);
  });

  test('SIGHUP takes other handlers over; one that cannot work changes nothing, and running pods go on', async () => {
    rewrite((text) => `${text}\n[crio.runtime.runtimes.old]\nruntime_path = "${runc}"\n`);
    await daemon.restart();
    const empty = await settledWorld(daemon);
    const { containerId } = await daemon.run('old', trapped, { pid: 'POD' });
    rewrite((text) => text.replace('default_runtime = "runc"', 'default_runtime = "absent"'));
    await hangUp('unable to reload');
    rewrite((text) =>
      text
        .replace('default_runtime = "absent"', 'default_runtime = "new"')
        .replace('[crio.runtime.runtimes.old]', '[crio.runtime.runtimes.new]'),
    );
    await hangUp('reload completed');
    const { runtimeHandlers } = await daemon.client.runtime('Status', {});
    const names = runtimeHandlers.map(({ name }) => name);
    assert.deepEqual([names.includes('new'), names.includes('old')], [true, false]);
    await assert.rejects(daemon.run('old', 'true'), { code: status.NOT_FOUND });
    const config = podConfig(daemon.pod('by-default'));
    const { podSandboxId } = await daemon.client.runtime('RunPodSandbox', { config });
    const { items } = await daemon.client.runtime('ListPodSandbox', { filter: { id: podSandboxId } });
    assert.equal(items[0]?.runtimeHandler, 'new');
    assert.equal(await daemon.exec(containerId, 'echo', 'here'), 'here\n');
    await daemon.client.runtime('StopContainer', { containerId, timeout: 30 });
    assert.equal(await waitForExit(daemon.client, containerId), 7);
    await removeAllPods(daemon.client);
    await assertWorld(daemon, empty);
    rewrite((text) =>
      text
        .replace('default_runtime = "new"', 'default_runtime = "runc"')
        .replace(/\[crio\.runtime\.runtimes\.new\][^[]*/, ''),
    );
  });

  async function hangUp(answer: string): Promise<void> {
    const seen = daemon.logTail(10_000).length;
    process.kill(daemon.pid, 'SIGHUP');
    while (!daemon.logTail(10_000).slice(seen).includes(answer)) await sleep(20);
  }

  test('one whose state directory has moved: what it has made is where it was', async () => {
    rewrite((text) => `${text}\n[crio.runtime.runtimes.old]\nruntime_path = "${runc}"\n`);
    await daemon.restart();
    const empty = await settledWorld(daemon);
    const { containerId } = await daemon.run('old', trapped, { pid: 'POD' });
    rewrite((text) => `${text}\nruntime_root = "${daemon.root}/run/elsewhere"\n`);
    await daemon.restart();
    assert.equal(await daemon.exec(containerId, 'echo', 'here'), 'here\n');
    await removeAllPods(daemon.client);
    await assertWorld(daemon, empty);
  });
});
