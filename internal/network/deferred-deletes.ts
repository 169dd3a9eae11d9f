// DELs that failed and are owed: the pod may go, its address and rules may not be forgotten. They are tried again with
// growing pauses, also by later daemons, until they succeed.

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Semaphore } from '../async/semaphore.ts';
import { describeError } from '../errors/daemon-error.ts';
import { stateFile } from '../fs/state-file.ts';
import type { Logger } from '../log/logger.ts';

const longestPauseMs = 5 * 60_000;
/** A broken plugin must not take the machine: so many of its DELs run at once. */
const concurrency = 4;

const marker = stateFile<object>({ version: 1, durable: true, parse: (fields) => fields });

export interface DeferredDeletesOptions {
  /** Where the marks are kept; must outlive a reboot. */
  readonly directory: string;
  /** Runs the DEL of a sandbox. */
  readonly release: (sandboxId: string) => Promise<void>;
  /** Told after a DEL that succeeded at last. */
  readonly onReleased: (sandboxId: string) => Promise<void>;
  readonly onCount: (count: number) => void;
  /** How long after its failure a DEL is tried again; each time twice as long, up to 5 minutes. */
  readonly firstRetryMs: number;
}

export class DeferredDeletes {
  readonly #options: DeferredDeletesOptions;
  readonly #log: Logger;
  readonly #timers = new Map<string, NodeJS.Timeout | undefined>();
  readonly #places = new Semaphore(concurrency);
  #isClosed = false;

  constructor(options: DeferredDeletesOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  /** Goes on with what earlier daemons have left. */
  async open(): Promise<void> {
    await mkdir(this.#options.directory, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#options.directory)) {
      if (name.endsWith('.json')) this.#schedule(name.slice(0, -'.json'.length), this.#options.firstRetryMs);
    }
  }

  /** Whether the sandbox's DEL is tried in the background. */
  has(sandboxId: string): boolean {
    return this.#timers.has(sandboxId);
  }

  /** From now on the sandbox's DEL is tried in the background. Does not reject. Idempotent. */
  async add(sandboxId: string, cause: unknown): Promise<void> {
    if (this.has(sandboxId)) return;
    this.#schedule(sandboxId, this.#options.firstRetryMs);
    const fields = { sandboxId, error: describeError(cause) };
    this.#log.warn(fields, 'the network of a sandbox could not be released; DEL is tried again');
    await marker.write(this.#path(sandboxId), {}).catch((err: unknown) => {
      // on a full disk the memory knows; the next daemon finds the network's record without a sandbox
      this.#log.warn({ sandboxId, err }, 'cannot note that a DEL is owed');
    });
  }

  /** Ends the retries of this process; the marks stay. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  #schedule(sandboxId: string, pauseMs: number): void {
    const retry = (): void => void this.#retry(sandboxId, pauseMs);
    this.#timers.set(sandboxId, this.#isClosed ? undefined : setTimeout(retry, pauseMs).unref());
    this.#options.onCount(this.#timers.size);
  }

  async #retry(sandboxId: string, pauseMs: number): Promise<void> {
    const never = new AbortController().signal;
    try {
      await this.#places.run(() => this.#options.release(sandboxId), never);
      await this.#options.onReleased(sandboxId);
      await rm(this.#path(sandboxId), { force: true });
    } catch (cause) {
      const nextMs = Math.min(pauseMs * 2, longestPauseMs);
      const fields = { sandboxId, error: describeError(cause), nextTrySeconds: nextMs / 1000 };
      this.#log.warn(fields, 'the network of a sandbox could still not be released');
      this.#schedule(sandboxId, nextMs);
      return;
    }
    this.#timers.delete(sandboxId);
    this.#options.onCount(this.#timers.size);
    this.#log.info({ sandboxId }, 'the network of a sandbox is released at last');
  }

  #path(sandboxId: string): string {
    return join(this.#options.directory, `${sandboxId}.json`);
  }
}
