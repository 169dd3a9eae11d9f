// Programs of the tests that run in a pod's network, though in none of its containers.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestDaemon } from '../harness/daemon.ts';

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));

export class PodProgram {
  /** The port that it printed: it listens there. */
  readonly port: number;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, port: number) {
    this.#process = process;
    this.port = port;
  }

  /** Starts a server of test/fixtures in the network of a pod that runs. Must be ended. */
  static async start(daemon: TestDaemon, podName: string, argv: readonly string[]): Promise<PodProgram> {
    const [name = '', ...args] = argv;
    const network = `--net=${join(daemon.paths.namespacesDir, 'netns', await sandboxOf(daemon, podName))}`;
    const child = spawn('nsenter', [network, process.execPath, join(fixtures, name), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    return new PodProgram(child, Number(line.toString()));
  }

  async end(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }
}

/** The id of the sandbox that a pod runs in. */
export async function sandboxOf(daemon: TestDaemon, podName: string): Promise<string> {
  const { items } = await daemon.client.runtime('ListPodSandbox', {
    filter: {
      state: { state: 'SANDBOX_READY' },
      labelSelector: { 'io.kubernetes.pod.name': podName },
    },
  });
  const [found] = items;
  if (found === undefined) throw new Error(`pod ${podName} has no sandbox that is ready`);
  return found.id;
}
