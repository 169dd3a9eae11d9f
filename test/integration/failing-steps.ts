// A daemon in this process whose steps fail on demand: the parts are the real ones; only the call that fails is not made,
// or is made and its success is lost.

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before } from 'node:test';
import type { ContainerConfig } from '../../internal/cri/gen/runtime/v1/ContainerConfig.ts';
import type { PodSandboxConfig } from '../../internal/cri/gen/runtime/v1/PodSandboxConfig.ts';
import { findProgram } from '../harness/command.ts';
import type { CriClient } from '../harness/cri-client.ts';
import { busybox, TestDaemon } from '../harness/daemon.ts';
import { type FaultKind, FaultPlan } from '../harness/fault-plan.ts';
import { type InProcessDaemon, startInProcess } from '../harness/in-process-daemon.ts';
import { podConfig, removeAllPods } from '../harness/pods.ts';
import { assertWorld, settledWorld, type World } from '../harness/world.ts';

export const kinds: readonly FaultKind[] = ['not done', 'done, then failed'];

/** A CDI device and a hook for every container, in the directories of the daemon. */
function describeVendors({ root, paths }: TestDaemon): void {
  const { configFile } = paths;
  writeFileSync(configFile, readFileSync(configFile, 'utf8').replaceAll('@ROOT@', root));
  mkdirSync(join(root, 'cdi'));
  mkdirSync(join(root, 'hooks'));
  const device = {
    name: 'zero',
    containerEdits: { deviceNodes: [{ path: '/dev/fake', hostPath: '/dev/zero' }] },
  };
  const cdi = { cdiVersion: '0.6.0', kind: 'vendor.test/fake', devices: [device] };
  writeFileSync(join(root, 'cdi/fake.json'), JSON.stringify(cdi), { mode: 0o644 });
  const hook = {
    version: '1.0.0',
    hook: { path: '/bin/true' },
    when: { always: true },
    stages: ['createRuntime'],
  };
  writeFileSync(join(root, 'hooks/fake.json'), JSON.stringify(hook), { mode: 0o644 });
}

class FailingSteps {
  readonly plan = new FaultPlan();
  territory!: TestDaemon;
  #daemon!: InProcessDaemon;

  async begin(): Promise<void> {
    // Monitors with their pods: each has a cgroup of its own to be left.
    const handler = {
      name: 'runc',
      path: findProgram('runc') ?? '',
      toml: 'allowed_annotations = ["link-logs.crio.io"]',
    };
    this.territory = new TestDaemon({
      handlers: [],
      moreHandlers: [handler],
      runtimeToml: 'conmon_cgroup = "pod"\ncdi_spec_dirs = ["@ROOT@/cdi"]\nhooks_dir = ["@ROOT@/hooks"]',
    });
    describeVendors(this.territory);
    await this.territory.loadBusybox();
    this.#daemon = await startInProcess(this.territory.paths.configFile, (parts) => this.plan.over(parts));
  }

  async end(): Promise<void> {
    await this.#daemon.stop();
    await this.territory.destroy();
  }

  get client(): CriClient {
    return this.#daemon.client;
  }

  settled(): Promise<World> {
    return settledWorld(this.territory);
  }

  assertWorld(expected: World): Promise<void> {
    return assertWorld(this.territory, expected);
  }

  /** With a pod-level pid namespace there is an infra container, so there are more steps. */
  sandbox(name: string): PodSandboxConfig {
    const config = podConfig(this.territory.pod(name));
    const linux = { ...config.linux, securityContext: { namespaceOptions } };
    return { ...config, linux, annotations: { 'link-logs.crio.io': 'logs' } };
  }

  async runSandbox(config: PodSandboxConfig): Promise<string> {
    return (await this.client.runtime('RunPodSandbox', { config, runtimeHandler: '' })).podSandboxId;
  }

  async create(
    podSandboxId: string,
    sandboxConfig: PodSandboxConfig,
    config: ContainerConfig,
  ): Promise<string> {
    return (await this.client.runtime('CreateContainer', { podSandboxId, config, sandboxConfig }))
      .containerId;
  }

  /** Lets no step fail, and tells the steps of the work. */
  async stepsOf<T>(work: () => Promise<T>): Promise<{ steps: readonly string[]; result: T }> {
    this.plan.arm(-1, 'not done');
    const result = await work();
    return { steps: [...this.plan.reached], result };
  }

  async failsWithoutTrace(before: World, call: () => Promise<unknown>, expected: RegExp): Promise<void> {
    await assert.rejects(call(), expected);
    this.plan.arm(-1, 'not done');
    await this.assertWorld(before);
    assert.deepEqual(this.linkedLogs(), []);
  }

  /** Each of the steps fails in both ways, and leaves nothing. */
  async eachFailsWithoutTrace(
    steps: readonly string[],
    before: World,
    call: () => Promise<unknown>,
  ): Promise<void> {
    for (const kind of kinds) {
      for (const [index, step] of steps.entries()) {
        this.plan.arm(index, kind);
        await this.failsWithoutTrace(before, call, new RegExp(`planned failure .*${step}`));
      }
    }
  }

  /** Links to logs by the ids of containers. */
  linkedLogs(): string[] {
    const logs = join(this.territory.root, 'pod-logs');
    const names = readdirSync(logs).flatMap((pod) => readdirSync(join(logs, pod)));
    return names.filter((name) => /[0-9a-f]{64}\.log$/.test(name));
  }
}

export const namespaceOptions = { network: 'POD', pid: 'POD', ipc: 'POD' } as const;

/** Sleeps, in such a pod. */
export function container(changes: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    metadata: { name: 'main', attempt: 0 },
    image: { image: busybox },
    command: ['/bin/sleep', '1000'],
    logPath: 'main.log',
    linux: { securityContext: { namespaceOptions } },
    ...changes,
  };
}

/** For one suite. */
export function useFailingSteps(): FailingSteps {
  const failing = new FailingSteps();
  before(() => failing.begin());
  after(() => failing.end());
  // A test that fails must not fail the next ones.
  afterEach(async () => {
    failing.plan.arm(-1, 'not done');
    failing.plan.brokenUndo.clear();
    await removeAllPods(failing.client);
  });
  return failing;
}
