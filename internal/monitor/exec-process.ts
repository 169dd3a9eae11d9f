// The `exec` role of the native monitor: how it is started, and what its last message means. See cmd/cria-monitor/exec.c.

import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DaemonError, hasKind } from '../errors/daemon-error.ts';
import { runtimeMessage } from '../process/runtime-message.ts';
import type { ExecCgroup, ExecCommand, PipeOwner } from './monitor.ts';
import { environment, type Spawner } from './spawner.ts';
import type { StreamExit } from './stream-session.ts';

const configVersion = 1;

export interface ExecParts {
  readonly monitorPath: string;
  readonly spawner: Spawner;
  /** The directory of the container's monitor; the sockets live there while the command runs. */
  readonly directory: string;
}

/** Starts the command's monitor; the path of its socket, whose one client the command does not outlive. */
export async function startExec(parts: ExecParts, command: ExecCommand, fields: object): Promise<string> {
  const socket = join(parts.directory, `e${randomUUID().slice(-12)}`);
  const config = {
    version: configVersion,
    id: command.containerId,
    socket,
    pidFile: `${socket}.pid`,
    ...(command.hasGuestPids && { guestPidFile: `${socket}.guest` }),
    runtime: [command.runtimePath, ...command.runtimeArgs],
    env: environment(command.env),
    ...(command.owner ?? ownerOf(command.process)),
    process: JSON.stringify(command.process),
    ...placement(command.cgroup),
    ...(command.cpu !== undefined && { cpu: command.cpu }),
    timeoutMs: command.timeoutMs,
    ...fields,
  };
  const argv = [parts.monitorPath, 'exec', '/proc/self/fd/4'];
  try {
    await parts.spawner.spawn({ argv, env: {}, config: Buffer.from(JSON.stringify(config)) });
  } catch (cause) {
    return clearLostExec(socket, cause);
  }
  return socket;
}

/** A monitor that was killed has not removed its files; in any other end there are none. Rejects with the cause. */
export async function clearLostExec(socket: string, cause: unknown): Promise<never> {
  if (hasKind(cause, 'unavailable')) {
    const temporary = join(dirname(socket), `.${basename(socket)}.pid`); // of the runtime, for the pid file
    const files = [socket, `${socket}.pid`, `${socket}.guest`, `${socket}.tty`, temporary];
    await Promise.all(files.map((file) => rm(file, { force: true })));
  }
  throw cause;
}

/** Who owns the pipes: a process that is not root must be able to open its /dev/stdout. */
function ownerOf(process: { readonly user?: { readonly uid?: number; readonly gid?: number } }): PipeOwner {
  return { uid: process.user?.uid ?? 0, gid: process.user?.gid ?? 0 };
}

function placement(cgroup: ExecCgroup | undefined): object {
  if (cgroup === undefined) return {};
  return { cgroupOption: cgroup.option, initPid: cgroup.initPid, initTicks: cgroup.initStartTicks };
}

/** The exit in the last message of a command's monitor; throws when it tells of another end. */
export function exitOfCommand(
  end: Readonly<Record<string, unknown>> | undefined,
  command: ExecCommand,
): StreamExit {
  const where = `in container "${command.containerId}"`;
  if (end === undefined) throw new DaemonError('unavailable', `the exec ${where} ended without a result`);
  if (end['timedOut'] === true)
    throw new DaemonError(
      'deadline-exceeded',
      `the command ${where} ran longer than ${command.timeoutMs} ms`,
    );
  if (end['op'] === 'failed') {
    const message = runtimeMessage(String(end['message'] ?? ''));
    throw new DaemonError('unknown', `the command could not be started ${where}: ${message}`);
  }
  const { code, signal } = end;
  if (typeof code !== 'number')
    throw new DaemonError('internal', `the exec ${where} ended without an exit code`);
  return { code, signal: typeof signal === 'number' ? signal : undefined };
}
