// ContainerMonitors by the native program cria-monitor.

import { readdir, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import type { Logger } from '../log/logger.ts';
import { askMonitor, isNobodyThere } from './ask-monitor.ts';
import { MonitorSilence } from './control-connection.ts';
import { createContainer, deleteExitRecords } from './create-container.ts';
import { execSync } from './exec-sync.ts';
import { ProcessHandle } from './kernel-exit.ts';
import type {
  ContainerMonitors,
  CreatedContainer,
  ExecSyncRequest,
  ExecSyncResult,
  ExitRecord,
  MonitoredState,
  MonitorRequest,
} from './monitor.ts';
import {
  type MonitorDirectories,
  type MonitorPaths,
  monitorDirectory,
  monitorPaths,
} from './monitor-paths.ts';
import { lostExit, MonitoredContainer, recordedExit } from './monitored-container.ts';
import { openAttach, openExec } from './open-session.ts';
import { MonitorRenewal } from './renew-monitors.ts';
import { MonitorReplacement } from './replace-monitor.ts';
import type { Spawner } from './spawner.ts';
import type { AttachRequest, ExecRequest, StreamSession } from './stream-session.ts';

export interface NativeMonitorsOptions extends MonitorDirectories {
  /** The cria-monitor program. */
  readonly monitorPath: string;
  readonly spawner: Spawner;
  readonly logger: Logger;
}

/** See cmd/cria-monitor/stand-in.h. */
const standInStarted = 10;

type ExitListener = (containerId: string, exit: ExitRecord) => void;
type LossListener = (containerId: string, monitorPid: number | undefined) => void;

/**
 * The monitors of one daemon. Its directories exist already. The exit of a container that ends at once is told after
 * the turn in which `create` resolved.
 */
export class NativeMonitors implements ContainerMonitors {
  readonly #options: NativeMonitorsOptions;
  readonly #containers = new Map<string, MonitoredContainer>();
  readonly #listeners: ExitListener[] = [];
  readonly #lossListeners: LossListener[] = [];
  readonly #renewal: MonitorRenewal;

  constructor(options: NativeMonitorsOptions) {
    this.#options = options;
    this.#renewal = new MonitorRenewal(options);
    options.spawner.onRestart(() => {
      for (const [containerId, container] of this.#containers) void this.#keep(containerId, container);
    });
  }

  async create(request: MonitorRequest): Promise<CreatedContainer> {
    const { containerId } = request;
    const { monitorPath, spawner, logger } = this.#options;
    if (this.#containers.has(containerId))
      throw new DaemonError('already-exists', `container "${containerId}" has a monitor already`);
    let isCreated = false;
    const container = this.#follow(containerId, (exit) => {
      if (isCreated) this.#tell(containerId, exit);
    });
    this.#containers.set(containerId, container);
    const forget = (): void => spawner.forget(containerId);
    try {
      const created = await createContainer({ monitorPath, spawner, logger, container, forget }, request);
      isCreated = true;
      const { exit } = container;
      if (exit !== undefined) setImmediate(() => this.#tell(containerId, exit));
      return created;
    } catch (cause) {
      this.#containers.delete(containerId);
      throw cause;
    }
  }

  starter({ pid, startTicks }: CreatedContainer): readonly string[] {
    return [this.#options.monitorPath, 'start', String(pid), startTicks];
  }

  async tellStarted(containerId: string): Promise<void> {
    await this.signal(containerId, standInStarted);
  }

  async adopt(containerId: string, identity: CreatedContainer): Promise<MonitoredState> {
    const known = this.#containers.get(containerId);
    if (known?.exit !== undefined) return { phase: 'exited', exit: known.exit };
    const running = { phase: 'running', pid: identity.pid, startTicks: identity.startTicks } as const;
    if (known !== undefined) return running;
    let isAnswered = false;
    const container = this.#follow(containerId, (exit) => {
      if (isAnswered) this.#tell(containerId, exit);
    });
    const told = await askMonitor(container, containerId).catch((cause: unknown) => {
      if (!(cause instanceof MonitorSilence)) throw cause;
      return undefined; // what follows asks it again, for as long as it hangs
    });
    const exit = told ?? (await this.#lookForExit(container, identity));
    if (exit !== undefined) container.finish(exit);
    this.#containers.set(containerId, container);
    isAnswered = true;
    void this.#keep(containerId, container);
    this.#renewal.renew(containerId, container);
    return container.exit === undefined ? running : { phase: 'exited', exit: container.exit };
  }

  async hasEnded({ pid, startTicks }: CreatedContainer): Promise<boolean> {
    const init = await ProcessHandle.open(pid, startTicks);
    const isEnded = init === undefined || init.hasEnded();
    init?.close();
    return isEnded;
  }

  onExit(listener: ExitListener): void {
    this.#listeners.push(listener);
  }

  onMonitorLost(listener: LossListener): void {
    this.#lossListeners.push(listener);
  }

  async signal(containerId: string, signalNumber: number): Promise<void> {
    await this.#container(containerId).signal(signalNumber);
  }

  async reopenLog(containerId: string): Promise<void> {
    const connection = await this.#container(containerId).connection();
    await connection.request('reopen');
  }

  async resize(containerId: string, columns: number, rows: number): Promise<void> {
    const connection = await this.#container(containerId).connection();
    await connection.request('resize', { columns, rows });
  }

  async execSync(request: ExecSyncRequest, signal: AbortSignal): Promise<ExecSyncResult> {
    const { monitorPath, spawner } = this.#options;
    const directory = monitorDirectory(this.#options, request.containerId);
    return execSync({ monitorPath, spawner, directory }, request, signal);
  }

  async attach(request: AttachRequest, signal: AbortSignal): Promise<StreamSession> {
    const container = this.#container(request.containerId);
    if (container.exit !== undefined)
      throw new DaemonError(
        'failed-precondition',
        `container "${request.containerId}" has exited: nothing to attach to`,
      );
    const { hello } = await container.connection(); // or it is unavailable
    // The first released monitor attaches without credit, and its client would wait for it for ever.
    if (!hello.features.has('keep')) {
      const text = `cannot attach to container "${request.containerId}": its monitor is of version ${hello.version}`;
      throw new DaemonError('failed-precondition', `${text}, before attaching; restart the container`);
    }
    return openAttach(container.paths.socket, request, signal);
  }

  async exec(request: ExecRequest, signal: AbortSignal): Promise<StreamSession> {
    const { monitorPath, spawner } = this.#options;
    const directory = monitorDirectory(this.#options, request.containerId);
    return openExec({ monitorPath, spawner, directory }, request, signal);
  }

  async remove(containerId: string): Promise<void> {
    const paths = this.#paths(containerId);
    const container = this.#containers.get(containerId) ?? (await this.#unknown(containerId));
    await container?.release();
    this.#options.spawner.forget(containerId);
    // An exec that ends just now may still make its pid file there.
    await rm(paths.directory, { recursive: true, force: true, maxRetries: 3 });
    await deleteExitRecords(paths, containerId);
    this.#containers.delete(containerId);
  }

  async list(): Promise<readonly string[]> {
    const names = await readdir(this.#options.socketsDir);
    const ids = await Promise.all(names.map((name) => readId(join(this.#options.socketsDir, name, 'id'))));
    return ids.filter((id) => id !== undefined);
  }

  /** Hangs up all monitors; they and their containers live on. */
  close(): void {
    for (const container of this.#containers.values()) container.detach();
    this.#containers.clear();
    this.#renewal.close();
  }

  #paths(containerId: string): MonitorPaths {
    return monitorPaths(this.#options, containerId);
  }

  #container(containerId: string): MonitoredContainer {
    const container = this.#containers.get(containerId);
    if (container === undefined)
      throw new DaemonError('not-found', `container "${containerId}" has no monitor`);
    return container;
  }

  #tell(containerId: string, exit: ExitRecord): void {
    for (const listener of this.#listeners) listener(containerId, exit);
  }

  #follow(containerId: string, onExit: (exit: ExitRecord) => void): MonitoredContainer {
    const { spawner, logger } = this.#options;
    const onLost: LossListener = (...loss) => {
      for (const listener of this.#lossListeners) listener(...loss);
    };
    const replacement = new MonitorReplacement({ spawner, logger, onLost }, containerId);
    return new MonitoredContainer(this.#paths(containerId), { onExit, replacement });
  }

  /** Has the spawner keep what the container needs if its monitor dies. Never rejects. */
  async #keep(containerId: string, container: MonitoredContainer): Promise<void> {
    const { spawner, logger } = this.#options;
    try {
      const { isKeeping } = await spawner.hello();
      if (!isKeeping || spawner.keepSocket === undefined || !container.hasMonitor) return;
      if (await container.keep(spawner.keepSocket)) return;
      logger.info({ containerId }, 'the monitor of a container is too old to be replaced when it dies');
    } catch (cause) {
      if (container.exit !== undefined || container.isReleased) return;
      const fields = { containerId, error: describeError(cause) };
      logger.warn(fields, 'the monitor of a container could not be replaced if it died now');
    }
  }

  /** The monitor of a container that this daemon has never followed. */
  async #unknown(containerId: string): Promise<MonitoredContainer | undefined> {
    const container = this.#follow(containerId, () => {});
    try {
      await container.connect();
      return container;
    } catch (cause) {
      if (isNobodyThere(cause)) return undefined;
      throw cause;
    }
  }

  /** Without a monitor: the record on disk, then the kernel. Undefined when the container runs. */
  async #lookForExit(
    container: MonitoredContainer,
    identity: CreatedContainer,
  ): Promise<ExitRecord | undefined> {
    const init = await ProcessHandle.open(identity.pid, identity.startTicks);
    if (container.hasMonitor) {
      container.watch(init);
      return undefined;
    }
    const recorded = await recordedExit(container.paths);
    if (recorded === undefined && init === undefined) return lostExit();
    if (recorded === undefined && init?.hasEnded()) return init.waitForExit().finally(() => init.close());
    container.watch(init);
    return recorded;
  }
}

async function readId(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (cause) {
    if (isENOENT(cause)) return undefined;
    throw cause;
  }
}
