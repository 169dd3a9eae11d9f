// A kubelet without an API server: it runs the pods whose manifests lie in a directory, and tells of them on a port of
// the loopback address. All its state lies below one directory.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeAddress } from './host-state.ts';
import type { Manifest } from './manifests.ts';

export interface ContainerState {
  readonly waiting?: { readonly reason: string; readonly message?: string };
  readonly running?: { readonly startedAt: string };
  readonly terminated?: {
    readonly exitCode: number;
    readonly reason: string;
    readonly message?: string;
    readonly containerID: string;
  };
}

export interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly containerID: string;
  readonly state: ContainerState;
  readonly lastState: ContainerState;
}

export interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

export interface KubeletSetup {
  /** Holds everything but the manifests' volumes. */
  readonly root: string;
  /** The runtime's socket. */
  readonly socket: string;
  /** An existing cgroup, below which the pods' cgroups are made. */
  readonly cgroupRoot: string;
}

// The run has a network of its own, so that these are free.
const readOnlyPort = 10_255;
const serverPort = 10_250;
const stopLimitMs = 30_000;

function settings({ root, socket, cgroupRoot }: KubeletSetup): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: `unix://${socket}`,
    staticPodPath: join(root, 'manifests'),
    podLogsDir: join(root, 'logs'),
    fileCheckFrequency: '1s',
    address: '127.0.0.1',
    readOnlyPort,
    port: serverPort,
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    cgroupDriver: 'cgroupfs',
    cgroupRoot,
    failCgroupV1: false,
    failSwapOn: false,
    resolvConf: join(root, 'resolv.conf'),
    // A full disk of the machine is not what is tested.
    evictionHard: { 'memory.available': '1Mi', 'nodefs.available': '0%', 'imagefs.available': '0%' },
    imageGCHighThresholdPercent: 100,
    containerLogMaxSize: '20Ki',
    containerLogMaxFiles: 3,
    containerLogMonitorInterval: '3s',
  };
}

export class Kubelet {
  readonly root: string;
  readonly logFile: string;
  #process: ChildProcess | undefined;

  /** Writes the configuration; `start` starts it. */
  constructor(setup: KubeletSetup) {
    this.root = setup.root;
    this.logFile = join(setup.root, 'kubelet.log');
    for (const folder of ['manifests', 'logs', 'state'])
      mkdirSync(join(setup.root, folder), { recursive: true });
    writeFileSync(join(setup.root, 'resolv.conf'), 'nameserver 127.0.0.1\n');
    writeFileSync(join(setup.root, 'kubelet.json'), JSON.stringify(settings(setup)));
  }

  /** Resolves when it answers; rejects when it ends before. */
  async start(): Promise<void> {
    const log = openSync(this.logFile, 'a');
    const args = [
      `--config=${join(this.root, 'kubelet.json')}`,
      `--root-dir=${join(this.root, 'state')}`,
      `--cert-dir=${join(this.root, 'state/pki')}`,
      '--hostname-override=node1',
      // Else it asks the name servers for its name, which takes them 10 s, again and again.
      `--node-ip=${nodeAddress}`,
      '--v=2',
    ];
    const child = spawn('kubelet', args, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#process = child;
    const failed = new Promise<never>((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`the kubelet ended with ${code}: ${this.logTail()}`)));
    });
    failed.catch(() => undefined);
    while (
      !(await Promise.race([
        failed,
        this.pods().then(
          () => true,
          () => false,
        ),
      ]))
    )
      await sleep(100);
  }

  /** Ends it; its pods go on. */
  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
    await ended;
    clearTimeout(timer);
  }

  /** What the kubelet tells of its pods, by name without the node's. */
  async pods(): Promise<ReadonlyMap<string, Pod>> {
    const response = await fetch(`http://127.0.0.1:${readOnlyPort}/pods`);
    const { items } = (await response.json()) as { items: Pod[] | null };
    return new Map((items ?? []).map((pod) => [pod.metadata.name.replace(/-node1$/, ''), pod]));
  }

  /** The address of a part of the kubelet's own server, which has a certificate that it signed itself. */
  address(path: string): string {
    return `https://127.0.0.1:${serverPort}${path}`;
  }

  /** The log of a container as `kubectl logs` gets it. */
  async containerLog(podName: string, name: string): Promise<string> {
    const options = { rejectUnauthorized: false };
    const path = `/containerLogs/default/${podName}-node1/${name}`;
    const [response] = (await once(get(this.address(path), options), 'response')) as [IncomingMessage];
    const parts = await response.setEncoding('utf8').toArray();
    if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode} ${parts.join('')}`);
    return parts.join('');
  }

  /** The pod starts soon; the kubelet never sees half a manifest. */
  add(manifest: Manifest): void {
    const whole = join(this.root, `${manifest.metadata.name}.json`);
    writeFileSync(whole, JSON.stringify(manifest));
    renameSync(whole, this.#fileOf(manifest));
  }

  /** The pod is stopped soon. */
  remove(manifest: Manifest): void {
    rmSync(this.#fileOf(manifest));
  }

  #fileOf(manifest: Manifest): string {
    return join(this.root, 'manifests', `${manifest.metadata.name}.json`);
  }

  log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  logTail(lines = 15): string {
    return this.log().split('\n').slice(-lines).join('\n');
  }
}
