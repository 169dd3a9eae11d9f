// The client of the `spawner` role: every process that the daemon starts is started there, see cmd/cria-monitor/spawner.h.

import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import { type Answer, NotBegun, type Reply, SpawnerLink } from './spawner-link.ts';

/** How a command ended. `code` is null when it was killed by `signal`. */
export interface CommandEnd {
  readonly code: number | null;
  readonly signal: number | null;
  readonly timedOut: boolean;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface SpawnerRunRequest {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  readonly stdin: Uint8Array | undefined;
  readonly timeoutMs: number;
}

export interface SpawnRequest {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Bytes that the process finds as its file descriptor 4. */
  readonly config: Uint8Array | undefined;
  /** Is given the pid while the process waits, which goes on when this resolves and is killed when it rejects. */
  readonly take?: ((pid: number) => Promise<void>) | undefined;
}

export interface SpawnerOptions {
  readonly monitorPath: string;
  readonly logger: Logger;
  /** Held open by the helper too, until the last command has ended that an ended daemon left it. */
  readonly lockFd?: number;
  /** Where the helper listens for monitors that deposit what their containers need, see cmd/cria-monitor/keep.h. */
  readonly keepSocket?: string;
}

/** What the helper says of itself; it is the program that monitors are started from. */
export interface SpawnerHello {
  readonly version: string;
  /** It listens on the keep socket. */
  readonly isKeeping: boolean;
  /** Least and most version of the state with which it can go on in the place of a running monitor. */
  readonly states: readonly [min: number, max: number];
}

const unknownHello: SpawnerHello = { version: '', isKeeping: false, states: [0, 0] };

const protocol = [1, 1];
const firstDelayMs = 100;
const lastDelayMs = 10_000;
/** A helper that has lived so long may be started again without a delay. */
const soundAfterMs = 60_000;

/**
 * Starts processes outside of the daemon, by a helper that is started again when it dies, the first time at once, then
 * after longer and longer delays. Requests wait for it; what was under way fails with `unavailable`.
 */
export class Spawner {
  readonly #options: SpawnerOptions;
  readonly #starts: (() => void)[] = [];
  #link: SpawnerLink | undefined;
  #hello: Promise<SpawnerHello> | undefined;
  #restart: Promise<void> | undefined;
  #startedAtMs = 0;
  #delayMs = 0;
  readonly #closing = new AbortController();

  constructor(options: SpawnerOptions) {
    this.#options = options;
  }

  /** Starts the helper; best done early, while the daemon is small and a fork cheap. */
  start(): void {
    this.#link ??= this.#launch();
  }

  /** Is called each time when a helper has taken the place of one that died. */
  onRestart(listener: () => void): void {
    this.#starts.push(listener);
  }

  /** Of the helper that runs now. */
  async hello(): Promise<SpawnerHello> {
    await this.#running();
    return this.#hello ?? unknownHello;
  }

  /** Of the helper that runs now. */
  get pid(): number | undefined {
    return this.#link?.pid;
  }

  get keepSocket(): string | undefined {
    return this.#options.keepSocket;
  }

  /**
   * Lets the helper go: it ends when the commands that run have ended, which is waited for a moment only; spawned
   * processes live on. Later requests fail.
   */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#link?.close();
  }

  /** Runs a command to its end; an abort kills its process group. Rejects when it cannot be started. */
  async run(request: SpawnerRunRequest, signal: AbortSignal): Promise<CommandEnd> {
    const { argv, cwd, timeoutMs, stdin } = request;
    const message = {
      op: 'run',
      argv,
      env: environment(request.env),
      timeoutMs,
      tellPid: true,
      ...(cwd === undefined ? {} : { cwd }),
    };
    const { end, stdout, stderr } = await this.#ask(async (link) => {
      signal.throwIfAborted();
      const { seq, answer } = link.request(message, `"${argv.slice(0, 2).join(' ')}"`, stdin);
      const cancel = (): void => link.cancel(seq);
      setMaxListeners(0, signal); // one for each command that runs under it: no leak
      signal.addEventListener('abort', cancel, { once: true });
      return answer.finally(() => {
        signal.removeEventListener('abort', cancel);
        signal.throwIfAborted();
      });
    });
    return {
      code: numberOrNull(end['code']),
      signal: numberOrNull(end['signal']),
      timedOut: end['timedOut'] === true,
      stdout,
      stderr,
    };
  }

  /**
   * Starts a process that outlives the daemon. Resolves with its pid when it says that it is ready; rejects with its
   * own words, or with `unavailable` when it is unknown how far it came.
   */
  async spawn(request: SpawnRequest): Promise<number> {
    const { argv, config, take } = request;
    const gate = take !== undefined;
    const message = { op: 'spawn', argv, env: environment(request.env), gate, tellPid: true };
    let refusal: { readonly cause: unknown } | undefined;
    try {
      const { end } = await this.#ask((link) => {
        const onWaiting = (seq: number, pid: number): void => {
          take?.(pid).then(
            () => link.notify({ op: 'go', target: seq }),
            (cause: unknown) => {
              refusal = { cause };
              link.cancel(seq);
            },
          );
        };
        return link.request(message, 'spawn', config, onWaiting).answer;
      });
      return pidOf(end);
    } catch (cause) {
      throw refusal === undefined ? cause : refusal.cause;
    }
  }

  /**
   * Starts a monitor that goes on in the place of one that died, with what that one has deposited. Resolves with its pid;
   * `not-found` when nothing is kept of the container, `unavailable` when the new one died, too.
   */
  async adopt(containerId: string): Promise<number> {
    const argv = [this.#options.monitorPath, 'adopt'];
    const message = { op: 'adopt', id: containerId, argv, env: [], tellPid: true };
    return pidOf((await this.#ask((link) => link.request(message, 'adopt').answer)).end);
  }

  /** Nothing needs to be kept of the container any more. */
  forget(containerId: string): void {
    this.#link?.notify({ op: 'forget', id: containerId });
  }

  /** Makes a request, of the next helper when one died before it began with it. */
  async #ask(request: (link: SpawnerLink) => Promise<Answer>): Promise<Answer> {
    for (;;) {
      const link = await this.#running();
      try {
        return await request(link);
      } catch (cause) {
        if (!(cause instanceof NotBegun)) throw cause;
        await link.lost;
      }
    }
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #running(): Promise<SpawnerLink> {
    while (this.#restart !== undefined) await this.#restart;
    if (this.#isClosed) throw new DaemonError('unavailable', 'the daemon is shutting down');
    this.#link ??= this.#launch();
    return this.#link;
  }

  #launch(): SpawnerLink {
    const link = new SpawnerLink(this.#options.monitorPath, this.#options.lockFd, this.#closing.signal);
    this.#startedAtMs = performance.now();
    this.#hello = this.#greet(link);
    void link.lost.then((cause) => this.#lost(cause));
    return link;
  }

  async #greet(link: SpawnerLink): Promise<SpawnerHello> {
    const { keepSocket, logger } = this.#options;
    try {
      const { end } = await link.request({ op: 'hello', proto: protocol, keepSocket }, 'hello').answer;
      const features = Array.isArray(end['features']) ? end['features'] : [];
      const isKeeping = keepSocket !== undefined && features.includes('keep');
      const states = [Number(end['stateMin'] ?? 0), Number(end['stateMax'] ?? 0)] as const;
      return { version: String(end['version']), isKeeping, states };
    } catch (cause) {
      // Commands and monitors do without; what is lost is said.
      if (!this.#isClosed)
        logger.warn(
          { error: describeError(cause) },
          'the spawner keeps nothing of containers: one whose monitor dies loses its output',
        );
      return unknownHello;
    }
  }

  #lost(cause: Error | undefined): void {
    const pid = this.#link?.pid;
    this.#link = undefined;
    if (this.#isClosed) return;
    const delayMs = performance.now() - this.#startedAtMs < soundAfterMs ? this.#delayMs : 0;
    this.#delayMs = Math.min(delayMs === 0 ? firstDelayMs : 2 * delayMs, lastDelayMs);
    this.#options.logger.error({ pid, cause, delayMs }, 'the spawner died; starting it again');
    const { signal } = this.#closing;
    const isOver = sleep(delayMs, true, { signal }).catch(() => false); // closed
    this.#restart = isOver.then((isTime) => {
      this.#restart = undefined;
      if (!isTime) return;
      this.#link ??= this.#launch();
      for (const listener of this.#starts) listener();
    });
  }
}

/** `NAME=value` texts, as execve wants them. */
export function environment(env: Readonly<Record<string, string>>): string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}

function pidOf(reply: Reply): number {
  const pid = reply['pid'];
  if (typeof pid !== 'number') throw new DaemonError('internal', 'the spawner answered without a pid');
  return pid;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
