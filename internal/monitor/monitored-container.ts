// One container as the daemon follows it: by its monitor, or the one that goes on when that died, else by the kernel.

import { DaemonError } from '../errors/daemon-error.ts';
import { ControlConnection, type ControlMessage, type MonitorHello } from './control-connection.ts';
import { monitorLostRecord, parseExit, readExitCodeFile, readExitRecord } from './exit-record.ts';
import type { ProcessHandle } from './kernel-exit.ts';
import type { ExitRecord } from './monitor.ts';
import type { MonitorPaths } from './monitor-paths.ts';
import type { MonitorReplacement } from './replace-monitor.ts';

/** How long an ended monitor may take to leave; after that it is left to itself. */
const leaveMs = 5_000;

/** What becomes of a container that is followed. */
export interface Following {
  onExit(exit: ExitRecord): void;
  /** See MonitorReplacement. */
  readonly replacement: Pick<MonitorReplacement, 'replace' | 'forget'>;
}

/**
 * Follows one container until its exit. The order of truth: the monitor's event, the record on disk, the kernel.
 * `onExit` is called once.
 */
export class MonitoredContainer {
  readonly paths: MonitorPaths;
  readonly #following: Following;
  #connection: ControlConnection | undefined;
  #init: ProcessHandle | undefined;
  #exit: ExitRecord | undefined;
  /** Its creation is over: whatever happens now ends with an exit. */
  #isWatched = false;
  #released = false;
  /** While it is not known who follows the container from now on. */
  #recovery: Promise<void> | undefined;
  #lostAgain = false;

  constructor(paths: MonitorPaths, following: Following) {
    this.paths = paths;
    this.#following = following;
  }

  get exit(): ExitRecord | undefined {
    return this.#exit;
  }

  get hasMonitor(): boolean {
    return this.#connection !== undefined;
  }

  /** Its init is known to be dead, whatever its monitor says of it. */
  get hasEnded(): boolean {
    return this.#exit !== undefined || this.#init?.hasEnded() === true;
  }

  /** Nobody wants to know any more how it ends. */
  get isReleased(): boolean {
    return this.#released;
  }

  /** Connects to the monitor; rejects with the system's error when there is none. */
  async connect(): Promise<ControlConnection> {
    const connection = await ControlConnection.open(this.paths.socket, (event) => this.#onEvent(event));
    this.#connection = connection;
    void connection.closed.then(() => this.#onLost(connection));
    return connection;
  }

  /** The container's init runs, and this is it; from now on there will be an exit, with or without a monitor. */
  watch(init: ProcessHandle | undefined): void {
    this.#init = init;
    this.#isWatched = true;
    if (this.#exit !== undefined || this.#released) this.#closeInit();
    else if (this.#connection === undefined) this.#recover();
  }

  /** Its monitor, or `unavailable`. */
  async connection(): Promise<ControlConnection> {
    await this.#recovery;
    if (this.#connection === undefined)
      throw new DaemonError('unavailable', 'the monitor of the container is gone');
    return this.#connection;
  }

  /** True when the signal was delivered or there is nobody left to get it. */
  async signal(signalNumber: number): Promise<void> {
    if (this.#exit !== undefined) return;
    if (this.#init !== undefined) {
      this.#init.signal(signalNumber);
      return;
    }
    await (await this.connection()).request('signal', { signal: signalNumber });
  }

  /** Has its monitor deposit with the spawner that listens there. False when that monitor cannot. */
  async keep(socket: string): Promise<boolean> {
    const connection = await this.connection();
    if (!connection.hello.features.has('keep')) return false;
    await connection.request('keep', { socket });
    return true;
  }

  /**
   * Has its monitor become the program at `path`. Resolves when that has taken over; on a refusal, `failed-precondition`,
   * the monitor goes on as it was.
   */
  async reexec(path: string, states: readonly [min: number, max: number]): Promise<void> {
    const connection = await this.connection();
    await connection.request('reexec', { path, stateMin: states[0], stateMax: states[1] });
    await connection.greet();
  }

  /** What its monitor said of itself; undefined without a monitor. */
  get hello(): MonitorHello | undefined {
    return this.#connection?.hello;
  }

  /** Takes an exit that was found elsewhere; tells the listener when it is the first. */
  finish(exit: ExitRecord): void {
    if (this.#exit !== undefined || this.#released) return;
    this.#exit = exit;
    this.#closeInit();
    this.#following.onExit(exit);
    // The listener has it, and the record stays on disk: the monitor has nothing left to do.
    this.#connection?.request('ack_exit').catch(() => {});
  }

  /** Ends the monitor, and the container when it lives. Does not tell the listener any more. */
  async release(): Promise<void> {
    this.#released = true;
    await this.#recovery;
    const connection = this.#connection;
    if (connection !== undefined) {
      connection.request('shutdown').catch(() => {}); // it may be on its way out already
      const timer = setTimeout(() => connection.close(), leaveMs);
      await connection.closed;
      clearTimeout(timer);
    } else if (this.#exit === undefined) {
      this.#init?.signal(9);
    }
    this.#closeInit();
  }

  /** Hangs up without any effect on monitor or container. */
  detach(): void {
    this.#released = true;
    this.#connection?.close();
    this.#closeInit();
  }

  #onEvent(event: ControlMessage): void {
    const exit = event['op'] === 'exit' ? parseExit(event) : undefined;
    if (exit !== undefined) this.finish(exit);
  }

  #onLost(connection: ControlConnection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    if (this.#exit === undefined && this.#isWatched && !this.#released) this.#recover();
  }

  #recover(): void {
    this.#lostAgain = this.#recovery !== undefined;
    this.#recovery ??= this.#findFollower();
  }

  /** Never rejects. Ends when there is an exit, a monitor, or nothing but the kernel. */
  async #findFollower(): Promise<void> {
    const { replacement } = this.#following;
    let exit: ExitRecord | undefined;
    do {
      this.#lostAgain = false;
      exit = await recordedExit(this.paths).catch(() => undefined);
      if (exit !== undefined) replacement.forget();
      exit ??= await replacement.replace(this);
    } while (exit === undefined && this.#connection === undefined && this.#lostAgain);
    this.#recovery = undefined;
    if (exit !== undefined) this.finish(exit);
    else if (this.#connection === undefined && !this.#released) void this.#waitForKernel();
  }

  /** Never rejects: an exit that cannot be read is one that nobody knows. */
  async #waitForKernel(): Promise<void> {
    const init = this.#init;
    const exit = init === undefined ? lostExit() : await init.waitForExit().catch(lostExit);
    if (exit !== undefined) this.finish(exit);
  }

  #closeInit(): void {
    this.#init?.close();
    this.#init = undefined;
  }
}

/** The exit that a monitor has left on disk. */
export async function recordedExit(paths: MonitorPaths): Promise<ExitRecord | undefined> {
  const record = await readExitRecord(paths.exitFile);
  if (record !== undefined || paths.exitCodeFile === undefined) return record;
  return readExitCodeFile(paths.exitCodeFile);
}

/** A container that nobody knows anything of any more. */
export function lostExit(): ExitRecord {
  return monitorLostRecord(BigInt(Date.now()) * 1_000_000n);
}
