// One daemon per run directory: two would both adopt the same monitors.

import { closeSync, constants, ftruncateSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import type { Logger } from '../../internal/log/logger.ts';
import { tryLockFile } from '../../internal/sys/file-lock.ts';

export interface DirectoryLock {
  /** Given to the spawner: the lock lasts until both have closed it. */
  readonly fd: number;
  release(): void;
}

/** Commands of an ended daemon may run this long: an OCI runtime's verb, a network plugin that waits for a lock. */
const waitMs = 240_000;
const checkMs = 20;

/**
 * Takes the directory. `failed-precondition` while another daemon uses it; waits while only the commands of an ended one
 * run, because two `DEL` of one network, or a `delete` beside a `create`, must not meet.
 */
export async function lockDirectory(
  directory: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<DirectoryLock> {
  const path = join(directory, 'lock');
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    await acquire(fd, directory, logger, signal);
  } catch (cause) {
    closeSync(fd);
    throw cause;
  }
  ftruncateSync(fd);
  writeSync(fd, identityOf(process.pid) ?? '', 0);
  return { fd, release: () => closeSync(fd) };
}

async function acquire(fd: number, directory: string, logger: Logger, signal: AbortSignal): Promise<void> {
  for (let waitedMs = 0; !tryLockFile(fd, 'write'); waitedMs += checkMs) {
    const owner = ownerOf(fd);
    if (owner !== undefined && identityOf(owner.pid) === owner.identity) {
      const text = `the daemon with pid ${owner.pid} uses "${directory}" (run_dir in [cria])`;
      throw new DaemonError('failed-precondition', `${text}; stop it first`);
    }
    if (waitedMs === 0) logger.info({ directory }, 'waiting for the commands of the daemon before this one');
    if (waitedMs > waitMs) {
      const text = `commands of an ended daemon still run on "${directory}"`;
      throw new DaemonError(
        'unavailable',
        `${text}; look for "cria-monitor spawner" and what it has started`,
      );
    }
    await sleep(checkMs, undefined, { signal });
  }
}

function ownerOf(fd: number): { readonly pid: number; readonly identity: string } | undefined {
  const buffer = Buffer.alloc(128);
  const identity = buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, 0));
  const pid = Number(identity.split(' ')[0]);
  return Number.isInteger(pid) && pid > 0 ? { pid, identity } : undefined;
}

/** Pid and start time (field 22 of /proc/PID/stat): a pid alone may be somebody else by now. */
function identityOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : `${pid} ${fields[19]}`;
  } catch {
    return undefined; // no such process
  }
}
