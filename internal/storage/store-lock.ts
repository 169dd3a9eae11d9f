// One lock file of the store: mutual exclusion with other tools, and the token that tells who wrote last.

import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { KeyedLock } from '../async/keyed-lock.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { type LockMode, lockHolder, tryLockFile } from '../sys/file-lock.ts';

const tokenBytes = 64;
const firstWaitMs = 0.5;
const longestWaitMs = 10;
/** Tools before containers/storage 1.62 hold layers.lock for the whole unpacking of a layer: minutes. */
const giveUpAfterMs = 10 * 60_000;

/** A lock that is held: reads and writes the token of its file. */
export interface HeldLock {
  /** The last writer's token; empty in a file that nobody has written. */
  readToken(): Buffer;
  /** Puts a new token. The writer does this before it writes the JSON, so that a crash between makes readers look. */
  writeToken(): Buffer;
}

/**
 * A lock file that is opened anew for every acquisition, as the other tools do. Holders inside this process go one
 * after the other; the waiting for other processes is done by trying, so that it takes no thread of the pool.
 */
export class StoreLock {
  readonly path: string;
  readonly #turn = new KeyedLock();
  readonly #closing: AbortSignal;
  #counter = 0n;

  /** Waiting for another process ends when `closing` is aborted. */
  constructor(path: string, closing: AbortSignal) {
    this.path = path;
    this.#closing = closing;
  }

  /** Runs `body` with the lock held, and releases it however `body` ends. */
  async hold<T>(mode: LockMode, body: (held: HeldLock) => Promise<T>): Promise<T> {
    return this.#turn.run(this.path, async () => {
      const fd = openSync(this.path, constants.O_RDWR | constants.O_CREAT, 0o644);
      try {
        await this.#acquire(fd, mode);
        return await body(this.#held(fd));
      } finally {
        closeSync(fd); // releases the lock
      }
    });
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

  async #acquire(fd: number, mode: LockMode): Promise<void> {
    const startedAtMs = Date.now();
    let waitMs = firstWaitMs;
    while (!tryLockFile(fd, mode)) {
      if (Date.now() - startedAtMs > giveUpAfterMs) {
        const holder = lockHolder(fd);
        const who = holder === undefined ? 'another process' : `process ${holder}`;
        throw new DaemonError('unavailable', `store lock "${this.path}" has been held too long by ${who}`);
      }
      if (this.#closing.aborted) throw new DaemonError('unavailable', 'the store is being closed');
      await sleep(waitMs);
      waitMs = Math.min(waitMs * 2, longestWaitMs);
    }
  }
}

function readTokenAt(fd: number): Buffer {
  const token = Buffer.alloc(tokenBytes);
  return token.subarray(0, readSync(fd, token, 0, tokenBytes, 0));
}
