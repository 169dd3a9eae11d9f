// A built daemon that keeps all its state below a temporary directory, with a bridge, a subnet and a cgroup of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { attempt, command, findProgram, type Outcome } from './command.ts';
import { type CriClient, connect } from './cri-client.ts';
import { claimCgroups, releaseCgroups } from './crun-cgroups.ts';
import {
  type DaemonPaths,
  type PodNetworkSetup,
  type RuntimeHandler,
  writeDaemonConfig,
} from './daemon-config.ts';
import { deleteBridge, freeSubnet, rememberForwarding, removeMasquerading } from './host-network.ts';
import { buildBusyboxImage, findStaticBusybox } from './images.ts';
import { type PodRequest, removeAllPods } from './pods.ts';
import { killIfAlive, mountsBelow, processesOf } from './proc.ts';
import { patienceMs } from './until.ts';
import { removeCgroups, type Territory } from './world.ts';

export interface DaemonOptions {
  /** Names of OCI runtimes; the first is the default handler. */
  readonly handlers?: readonly string[];
  /** Handlers after those of `handlers`. */
  readonly moreHandlers?: readonly RuntimeHandler[];
  readonly extraToml?: string;
  /** Lines of `[crio.runtime]`. */
  readonly runtimeToml?: string;
  /** Lines of `[crio.image]`. */
  readonly imageToml?: string;
  /** Lines of `[cria]`. */
  readonly criaToml?: string;
  /** The text of registries.conf. */
  readonly registries?: string;
  /** The daemon's pod network. */
  readonly network?: PodNetworkSetup;
  /** Path of a network namespace that takes the host's place: the daemon runs in it. */
  readonly hostNetns?: string;
  /** An installed `cria` that is the daemon, in the place of the build. */
  readonly installed?: string;
}

const program = fileURLToPath(new URL('../../cmd/cria/main.js', import.meta.url));
const repository = new URL('../../../', import.meta.url);
/** As installed. */
export const nodeOptions = readFileSync(new URL('contrib/node-options', repository), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('-'));
// In an emulated machine that has company the daemon takes minutes; its end has a limit of its own, of one.
const startLimitMs = 5 * patienceMs;
const stopLimitMs = patienceMs;

/** The image of `loadBusybox`. */
export const busybox = 'localhost/busybox:test';

export class TestDaemon implements Territory {
  readonly root: string;
  readonly paths: DaemonPaths;
  readonly bridge: string;
  readonly cgroupParent: string;
  readonly logFile: string;
  readonly #restoreForwarding = rememberForwarding();
  readonly #enter: readonly string[];
  readonly #daemon: readonly string[];
  #process: ChildProcess | undefined;
  #client: CriClient | undefined;

  /** Writes the configuration; `start` starts the daemon. Must be destroyed. */
  constructor(options: DaemonOptions = {}) {
    const name = `cria-${randomBytes(3).toString('hex')}`;
    this.root = mkdtempSync(`/var/tmp/${name}-`);
    chmodSync(this.root, 0o711); // the root of a pod's user namespace goes through it
    this.bridge = name;
    this.cgroupParent = `/${name}`;
    this.logFile = `${this.root}/daemon.log`;
    this.#enter = options.hostNetns === undefined ? [] : ['/usr/bin/nsenter', `--net=${options.hostNetns}`];
    this.#daemon =
      options.installed === undefined
        ? [process.execPath, '--enable-source-maps', ...nodeOptions, program]
        : [options.installed];
    const names = options.handlers ?? ['runc'];
    const found = names.map((handler) => ({ name: handler, path: findProgram(handler) ?? handler }));
    const handlers = [...found, ...(options.moreHandlers ?? [])];
    if (names.includes('crun')) claimCgroups(this.#claimed);
    const { extraToml = '', runtimeToml = '', imageToml = '', criaToml = '', registries = '' } = options;
    const texts = { extraToml, runtimeToml, imageToml, criaToml, registries, network: options.network };
    const setup = { root: this.root, bridge: name, subnet: freeSubnet(), handlers, ...texts };
    this.paths = writeDaemonConfig(setup);
  }

  get #claimed(): string {
    return `${this.root}/cgroup`;
  }

  /** Fails unless the daemon runs. */
  get client(): CriClient {
    if (this.#client === undefined) throw new Error('the daemon does not run');
    return this.#client;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Starts the daemon and resolves when it answers; rejects with the end of its log. */
  async start(): Promise<void> {
    const log = openSync(this.logFile, 'a');
    const [file, ...rest] = [...this.#enter, ...this.#daemon, '--config', this.paths.configFile];
    this.#process = spawn(file as string, rest, { stdio: ['ignore', log, log] });
    closeSync(log);
    const deadline = performance.now() + startLimitMs;
    this.#client = connect(this.paths.socket);
    while (!(await this.#answers())) {
      if (this.#process.exitCode !== null) throw this.#failure(`exited with ${this.#process.exitCode}`);
      if (performance.now() > deadline) throw this.#failure(`does not answer after ${startLimitMs} ms`);
      await sleep(30);
    }
  }

  async #answers(): Promise<boolean> {
    return (
      existsSync(this.paths.socket) && this.client.runtime('Version', {}, 20_000).then(Boolean, () => false)
    );
  }

  #failure(what: string): Error {
    return new Error(`the daemon ${what}; the end of its log:\n${this.logTail()}`);
  }

  logTail(lines = 30): string {
    if (!existsSync(this.logFile)) return '(it has not written a log)';
    return readFileSync(this.logFile, 'utf8').split('\n').slice(-lines).join('\n');
  }

  /** Stops the daemon as systemd would; rejects when it needs to be killed or exits with an error. */
  async stop(): Promise<void> {
    const code = await this.#end('SIGTERM');
    if (code !== 0) throw this.#failure(`stopped with exit code ${code}`);
  }

  /** The daemon dies without a chance to do anything. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#process;
    this.#client?.close();
    this.#client = undefined;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null)
      return child?.exitCode ?? 0;
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
    const code = await ended;
    clearTimeout(timer);
    return code;
  }

  /** What a process of the daemon's own command line with this daemon's configuration is started with, after node. */
  argv(...args: readonly string[]): string[] {
    return [program, '--config', this.paths.configFile, ...args];
  }

  /** The daemon's own command line with this daemon's configuration, such as `image list`. */
  attempt(...args: readonly string[]): Promise<Outcome> {
    return attempt([process.execPath, ...this.argv(...args)]);
  }

  cria(...args: readonly string[]): Promise<string> {
    return command([process.execPath, program, '--config', this.paths.configFile, ...args]);
  }

  /** The same, whatever its exit code. */
  tryCria(...args: readonly string[]): Promise<Outcome> {
    return attempt([process.execPath, program, '--config', this.paths.configFile, ...args]);
  }

  /** Loads an image with a static busybox and returns its name. */
  async loadBusybox(name = busybox): Promise<string> {
    const layout = `${this.root}/busybox-layout`;
    buildBusyboxImage(layout, name, findStaticBusybox() ?? '');
    await this.cria('image', 'load', '--name', name, layout);
    return name;
  }

  /** A pod of this daemon's cgroup and log directory; `handler` empty for the default. */
  pod(name: string, handler = ''): PodRequest {
    const logDirectory = `${this.root}/pod-logs/${name}`;
    return { name, logDirectory, cgroupParent: this.cgroupParent, handler };
  }

  /** Removes the pods, the daemon and every trace of them, however the test has left them. */
  async destroy(): Promise<void> {
    // a daemon that is dead or cannot remove its pods must not keep the rest from being cleared away
    if (this.#client !== undefined) await removeAllPods(this.#client).catch(() => undefined);
    await this.#end('SIGTERM');
    await this.#killLeftovers();
    releaseCgroups(this.#claimed, this.cgroupParent);
    for (const point of mountsBelow(this.root).reverse()) await attempt(['umount', '-l', point]);
    deleteBridge(this.bridge);
    removeMasquerading(this.bridge);
    this.#restoreForwarding();
    rmSync(this.root, { recursive: true, force: true, maxRetries: 10 });
  }

  async #killLeftovers(): Promise<void> {
    const left = () => processesOf(this.root, this.cgroupParent);
    for (let round = 0; round < 20 && left().length > 0; round++) {
      for (const { pid } of left()) killIfAlive(pid);
      await sleep(50);
    }
    removeCgroups(this.cgroupParent);
  }
}
