// One lock file of the store: mutual exclusion with other tools, and the token that tells who wrote last.

import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { KeyedLock } from '../async/keyed-lock.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import { type LockMode, lockHolder, tryLockFile } from '../sys/file-lock.ts';

const tokenBytes = 64;
const firstWaitMs = 0.5;
const longestWaitMs = 20;
/** Tools before containers/storage 1.62 hold layers.lock for the whole unpacking of a layer: minutes. */
const giveUpAfterMs = 10 * 60_000;
/** A wait that is worth a line in the log. */
const longWaitMs = 2000;

/** A lock that is held: reads and writes the token of its file. */
export interface HeldLock {
  /** The last writer's token; empty in a file that nobody has written. */
  readToken(): Buffer;
  /** Puts a new token. The writer does this before it writes the JSON, so that a crash between makes readers look. */
  writeToken(): Buffer;
}

/** What `holdWithin` resolves with: nothing when the lock was not to be had in time. */
export type Held<T> = { readonly value: T } | undefined;

/**
 * A lock file that is opened anew for every acquisition, as the other tools do. Holders inside this process go one
 * after the other; the waiting for other processes is done by trying, so that it takes no thread of the pool, and
 * nobody in this process stands behind one that waits.
 */
export class StoreLock {
  readonly path: string;
  readonly #turn = new KeyedLock();
  readonly #logger: Logger;
  readonly #closing: AbortSignal;
  #holder = '';
  #counter = 0n;

  /** Waiting for another process ends when `closing` is aborted. */
  constructor(path: string, logger: Logger, closing: AbortSignal) {
    this.path = path;
    this.#logger = logger;
    this.#closing = closing;
  }

  /** Runs `body` with the lock held, and releases it however `body` ends. */
  async hold<T>(mode: LockMode, body: (held: HeldLock) => Promise<T>): Promise<T> {
    const held = await this.holdWithin(mode, giveUpAfterMs, body);
    if (held !== undefined) return held.value;
    throw new DaemonError(
      'unavailable',
      `store lock "${this.path}" has been held too long by ${this.#holder}`,
    );
  }

  /** The same, without the run of `body` when another process has not let go of the lock within `patienceMs`. */
  async holdWithin<T>(
    mode: LockMode,
    patienceMs: number,
    body: (held: HeldLock) => Promise<T>,
  ): Promise<Held<T>> {
    const startedAtMs = performance.now();
    let isTold = false;
    for (let waitMs = firstWaitMs; ; waitMs = Math.min(waitMs * 2, longestWaitMs)) {
      const held = await this.#turn.run(this.path, () => this.#attempt(mode, body));
      const waitedMs = Math.round(performance.now() - startedAtMs);
      if (isTold && held !== undefined)
        this.#logger.info({ path: this.path, waitedMs }, 'got the store lock');
      if (held !== undefined || waitedMs >= patienceMs) return held;
      if (this.#closing.aborted) throw new DaemonError('unavailable', 'the store is being closed');
      if (waitedMs >= longWaitMs && !isTold) {
        isTold = true;
        this.#logger.warn(
          { path: this.path, holder: this.#holder },
          'waiting for a store lock that another process holds',
        );
      }
      await sleep(waitMs);
    }
  }

  /** The token as it is now, without the lock: enough to see that nothing has changed. */
  peekToken(): Buffer {
    let fd: number;
    try {
      fd = openSync(this.path, 'r');
    } catch {
      return Buffer.alloc(0);
    }
    try {
      return readTokenAt(fd);
    } finally {
      closeSync(fd);
    }
  }

  async #attempt<T>(mode: LockMode, body: (held: HeldLock) => Promise<T>): Promise<Held<T>> {
    const fd = openSync(this.path, constants.O_RDWR | constants.O_CREAT, 0o644);
    try {
      if (tryLockFile(fd, mode)) return { value: await body(this.#held(fd)) };
      this.#holder = nameOf(lockHolder(fd));
      return undefined;
    } finally {
      closeSync(fd); // releases the lock
    }
  }

  #held(fd: number): HeldLock {
    return {
      readToken: () => readTokenAt(fd),
      writeToken: () => {
        const token = this.#newToken();
        writeSync(fd, token, 0, token.length, 0);
        return token;
      },
    };
  }

  /** Time, a counter, the pid and random bytes: the form that containers/storage gives its last-writer record. */
  #newToken(): Buffer {
    const token = Buffer.alloc(tokenBytes);
    this.#counter += 1n;
    token.writeBigUInt64LE(BigInt(Date.now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n), 0);
    token.writeBigUInt64LE(this.#counter, 8);
    token.writeUInt32LE(process.pid, 16);
    randomBytes(tokenBytes - 20).copy(token, 20);
    return token;
  }
}

function readTokenAt(fd: number): Buffer {
  const token = Buffer.alloc(tokenBytes);
  return token.subarray(0, readSync(fd, token, 0, tokenBytes, 0));
}

/** The kernel knows no pid for locks of open file descriptions, which another cria takes. */
function nameOf(pid: number | undefined): string {
  if (pid === undefined) return 'another process';
  try {
    return `process ${pid} (${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()})`;
  } catch {
    return `process ${pid}`;
  }
}
