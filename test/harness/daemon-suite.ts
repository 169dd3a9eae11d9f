// What most end-to-end tests begin and end with: a daemon with busybox in its store, a container that runs in it, a look inside.

import { after, afterEach, before } from 'node:test';
import type { ContainerConfig } from '../../internal/cri/gen/runtime/v1/ContainerConfig.ts';
import type { PodSandboxConfig } from '../../internal/cri/gen/runtime/v1/PodSandboxConfig.ts';
import { busybox, type DaemonOptions, TestDaemon } from './daemon.ts';
import { podConfig, removeAllPods } from './pods.ts';
import { assertWorld, settledWorld, type World } from './world.ts';

export interface DaemonSuite {
  readonly daemon: TestDaemon;
  /** Fails unless the world outside the daemon is as before the first test. */
  assertUntouched(): Promise<void>;
}

/**
 * A daemon for the suite that calls this: started before its tests, after `prepare`, and gone after them. Each test ends
 * without pods and with the world untouched.
 */
export function useDaemon(
  options: DaemonOptions = {},
  prepare: (daemon: TestDaemon) => void = () => {},
): DaemonSuite {
  const daemon = new TestDaemon(options);
  let untouched: World;
  const assertUntouched = (): Promise<void> => assertWorld(daemon, untouched);
  before(async () => {
    prepare(daemon);
    await daemon.loadBusybox();
    await daemon.start();
    untouched = await settledWorld(daemon);
  });
  after(() => daemon.destroy());
  afterEach(async () => {
    await removeAllPods(daemon.client);
    await assertUntouched();
  });
  return { daemon, assertUntouched };
}

export interface RunRequest {
  /** Its name. */
  readonly pod?: string;
  /** Empty for the daemon's default. */
  readonly handler?: string;
  readonly sandbox?: Partial<PodSandboxConfig>;
  readonly container?: Partial<ContainerConfig>;
}

const namespaceOptions = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;

/** Runs a pod and in it one container of busybox, which sleeps unless the request says otherwise. */
export async function runContainer(
  daemon: TestDaemon,
  { pod = 'pod', handler = '', sandbox, container }: RunRequest = {},
): Promise<{ podSandboxId: string; containerId: string }> {
  const { client } = daemon;
  const sandboxConfig = { ...podConfig(daemon.pod(pod)), ...sandbox };
  const run = { config: sandboxConfig, runtimeHandler: handler };
  const { podSandboxId } = await client.runtime('RunPodSandbox', run);
  const securityContext = { namespaceOptions, ...container?.linux?.securityContext };
  const config: ContainerConfig = {
    metadata: { name: 'main', attempt: 0 },
    image: { image: busybox },
    command: ['sleep', '1000'],
    ...container,
    linux: { ...container?.linux, securityContext },
  };
  const { containerId } = await client.runtime('CreateContainer', { podSandboxId, config, sandboxConfig });
  await client.runtime('StartContainer', { containerId });
  return { podSandboxId, containerId };
}

/** What a shell in a container says to a script, stdout before stderr. */
export async function saidIn(daemon: TestDaemon, containerId: string, script: string): Promise<string> {
  const cmd = ['/bin/sh', '-c', script];
  const { stdout, stderr } = await daemon.client.runtime('ExecSync', { containerId, cmd, timeout: 60 });
  return stdout.toString() + stderr.toString();
}
