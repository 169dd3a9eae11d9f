// ExecSync by the `exec` role, see cmd/cria-monitor/exec.c.

import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { runtimeMessage } from '../process/runtime-message.ts';
import { connectSocket } from './control-connection.ts';
import { decodeControl, FrameReader, frameType } from './frames.ts';
import type { ExecCgroup, ExecSyncRequest, ExecSyncResult } from './monitor.ts';
import { environment, type Spawner } from './spawner.ts';

const configVersion = 1;

export interface ExecParts {
  readonly monitorPath: string;
  readonly spawner: Spawner;
  /** The directory of the container's monitor; the socket lives there while the command runs. */
  readonly directory: string;
}

/** See ContainerMonitors.execSync. The command dies with the connection, so nothing of it is left when this settles. */
export async function execSync(
  parts: ExecParts,
  request: ExecSyncRequest,
  signal: AbortSignal,
): Promise<ExecSyncResult> {
  signal.throwIfAborted();
  const name = randomBytes(6).toString('hex');
  const socket = join(parts.directory, `e${name}`);
  const config = {
    version: configVersion,
    id: request.containerId,
    socket,
    pidFile: `${socket}.pid`,
    runtime: [request.runtimePath, ...request.runtimeArgs],
    env: environment(request.env),
    ...owner(request.process),
    process: JSON.stringify(request.process),
    ...placement(request.cgroup),
    timeoutMs: request.timeoutMs,
    maxOutputBytes: request.maxOutputBytes,
  };
  await parts.spawner.spawn({
    argv: [parts.monitorPath, 'exec', '/proc/self/fd/4'],
    env: {},
    config: Buffer.from(JSON.stringify(config)),
  });
  return collect(socket, request, signal);
}

/** Who owns the pipes: a process that is not root must be able to open its /dev/stdout. */
function owner(process: { readonly user?: { readonly uid?: number; readonly gid?: number } }): object {
  return { uid: process.user?.uid ?? 0, gid: process.user?.gid ?? 0 };
}

function placement(cgroup: ExecCgroup | undefined): object {
  if (cgroup === undefined) return {};
  return { cgroupOption: cgroup.option, initPid: cgroup.initPid, initTicks: cgroup.initStartTicks };
}

async function connect(path: string, containerId: string): Promise<Socket> {
  try {
    return await connectSocket(path);
  } catch (cause) {
    throw new DaemonError('unavailable', `lost the exec in container "${containerId}"`, cause);
  }
}

async function collect(path: string, request: ExecSyncRequest, signal: AbortSignal): Promise<ExecSyncResult> {
  const socket = await connect(path, request.containerId);
  const abort = (): void => void socket.destroy();
  setMaxListeners(0, signal); // one for each exec that runs under it: no leak
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  const output: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  const reader = new FrameReader();
  let end: Record<string, unknown> | undefined;
  try {
    for await (const chunk of socket) {
      for (const frame of reader.push(chunk as Buffer)) {
        if (frame.type === frameType.stdout) output.stdout.push(frame.payload);
        else if (frame.type === frameType.stderr) output.stderr.push(frame.payload);
        else if (frame.type === frameType.control) end = decodeControl(frame);
      }
    }
  } catch (cause) {
    signal.throwIfAborted();
    throw new DaemonError('unavailable', `lost the exec in container "${request.containerId}"`, cause);
  } finally {
    signal.removeEventListener('abort', abort);
    socket.destroy();
  }
  signal.throwIfAborted();
  const exitCode = exitCodeOf(end, request);
  return { stdout: Buffer.concat(output.stdout), stderr: Buffer.concat(output.stderr), exitCode };
}

function exitCodeOf(end: Readonly<Record<string, unknown>> | undefined, request: ExecSyncRequest): number {
  const where = `in container "${request.containerId}"`;
  if (end === undefined) throw new DaemonError('unavailable', `the exec ${where} ended without a result`);
  if (end['timedOut'] === true)
    throw new DaemonError(
      'deadline-exceeded',
      `the command ${where} ran longer than ${request.timeoutMs} ms`,
    );
  if (end['op'] === 'failed') {
    const message = runtimeMessage(String(end['message'] ?? ''));
    throw new DaemonError('unknown', `the command could not be started ${where}: ${message}`);
  }
  const code = end['code'];
  if (typeof code !== 'number')
    throw new DaemonError('internal', `the exec ${where} ended without an exit code`);
  return code;
}
