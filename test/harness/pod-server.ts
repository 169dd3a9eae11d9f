// A pod without containers that answers on its own ports: a process of the test in the pod's network namespace, which
// listens by TCP on 8080 and 8081 and by UDP on 5353, both families.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { PodSandboxConfig } from '../../internal/cri/gen/runtime/v1/PodSandboxConfig.ts';
import type { TestDaemon } from './daemon.ts';
import { podConfig } from './pods.ts';

/** What the servers say. */
export const words = 'from the pod';

const program = `
const net = require('net');
const udp = require('dgram').createSocket('udp6');
const listening = (server) => new Promise((resolve) => server.once('listening', resolve));
udp.on('message', (_, { port, address }) => udp.send('${words}', port, address));
udp.bind(5353, '::');
const servers = [8080, 8081].map((port) => net.createServer((peer) => peer.end('${words}')).listen(port, '::'));
Promise.all([udp, ...servers].map(listening)).then(() => console.log('listening'));`;

export interface ServingPod {
  readonly podId: string;
  /** Path of the pod's network namespace. */
  readonly netns: string;
  /** Primary first. */
  readonly ips: readonly string[];
  /** Ends the servers; the pod stays. */
  end(): Promise<void>;
}

/** The request for a pod, with changes. */
export function networkedPod(
  daemon: TestDaemon,
  name: string,
  changes: Partial<PodSandboxConfig>,
): PodSandboxConfig {
  return { ...podConfig(daemon.pod(name)), ...changes };
}

/** Runs the pod; its servers listen. */
export async function runServingPod(daemon: TestDaemon, config: PodSandboxConfig): Promise<ServingPod> {
  const { podSandboxId } = await daemon.client.runtime('RunPodSandbox', { config, runtimeHandler: '' });
  const netns = join(daemon.paths.namespacesDir, 'netns', podSandboxId);
  const server = spawn('nsenter', [`--net=${netns}`, process.execPath, '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await Promise.race([once(server.stdout, 'data'), failed(server)]);
  server.unref(); // a test that fails must not wait for it
  server.stdout.destroy();
  const { status } = await daemon.client.runtime('PodSandboxStatus', { podSandboxId });
  const more = (status?.network?.additionalIps ?? []).map(({ ip }) => ip ?? '');
  return {
    podId: podSandboxId,
    netns,
    ips: [status?.network?.ip ?? '', ...more],
    async end() {
      if (server.exitCode !== null || server.signalCode !== null) return;
      const ended = once(server, 'exit');
      server.kill('SIGKILL');
      await ended;
    },
  };
}

async function failed(server: ChildProcess): Promise<never> {
  const [code] = (await once(server, 'exit')) as [number | null];
  throw new Error(`the servers of a pod ended with ${code}`);
}
