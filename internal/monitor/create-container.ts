// The creation of a container: its monitor is started and runs the OCI runtime's `create`. All or nothing.

import { randomBytes } from 'node:crypto';
import { mkdir, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RegisterUndo, withRollback } from '../async/rollback.ts';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import { isEEXIST, isENOENT } from '../errors/errno.ts';
import type { Logger } from '../log/logger.ts';
import { runtimeMessage } from '../process/runtime-message.ts';
import type { ControlMessage } from './control-connection.ts';
import { deleteExitRecord } from './exit-record.ts';
import { ProcessHandle } from './kernel-exit.ts';
import type { CreatedContainer, MonitorRequest } from './monitor.ts';
import type { MonitorPaths } from './monitor-paths.ts';
import type { MonitoredContainer } from './monitored-container.ts';
import { environment, type Spawner } from './spawner.ts';

const configVersion = 1;
const deleteTimeoutMs = 10_000;
/** What a monitor may take after the create timeout to undo: `delete`, then the rest of the processes. */
const undoMs = 30_000;

export interface CreateParts {
  readonly monitorPath: string;
  readonly spawner: Spawner;
  readonly logger: Logger;
  readonly container: MonitoredContainer;
  /** Nothing needs to be kept of the container any more. */
  readonly forget: () => void;
}

/** See ContainerMonitors.create. */
export async function createContainer(
  parts: CreateParts,
  request: MonitorRequest,
): Promise<CreatedContainer> {
  const { containerId } = request;
  const { paths } = parts.container;
  const undoFailed = (step: string, cause: unknown): void =>
    parts.logger.error(
      { containerId, step, error: describeError(cause) },
      'could not undo a step of a failed container creation',
    );
  return withRollback(undoFailed, async (rollback) => {
    await makeDirectory(paths, containerId);
    rollback('remove monitor directory', () => rm(paths.directory, { recursive: true, force: true }));
    rollback('delete exit record', () => deleteExitRecords(paths, containerId));
    const configPath = join(request.bundle, 'monitor.json');
    const { isKeeping } = await parts.spawner.hello();
    const keepSocket = isKeeping ? parts.spawner.keepSocket : undefined;
    const config = { ...monitorConfig(paths, request), keepSocket };
    await writeFile(configPath, JSON.stringify(config), { mode: 0o600 });
    rollback('remove monitor config', () => unlinkIfThere(configPath));
    rollback('end monitor', () => parts.container.release().finally(parts.forget));
    const monitorPid = await startMonitor(parts, request, configPath, rollback);
    const state = await waitForCreate(parts, request, rollback);
    return { pid: Number(state['pid']), startTicks: String(state['startTicks']), monitorPid };
  });
}

/** Deletes what a monitor writes when its container ends. Absent is success. */
export async function deleteExitRecords(paths: MonitorPaths, containerId: string): Promise<void> {
  await deleteExitRecord(paths.exitFile, containerId);
  if (paths.exitCodeFile !== undefined) await deleteExitRecord(paths.exitCodeFile, containerId);
}

async function makeDirectory(paths: MonitorPaths, containerId: string): Promise<void> {
  try {
    await mkdir(paths.directory, { mode: 0o700 });
  } catch (cause) {
    if (!isEEXIST(cause)) throw cause;
    throw new DaemonError('already-exists', `container "${containerId}" has a monitor already`, cause);
  }
  try {
    await symlink(containerId, paths.idLink);
  } catch (cause) {
    await rm(paths.directory, { recursive: true, force: true });
    throw cause;
  }
}

function monitorConfig(paths: MonitorPaths, request: MonitorRequest): object {
  return {
    version: configVersion,
    id: request.containerId,
    nonce: randomBytes(16).toString('hex'),
    bundle: request.bundle,
    socket: paths.socket,
    consoleSocket: paths.consoleSocket,
    pidFile: join(request.bundle, 'pid'),
    exitFile: paths.exitFile,
    ...(paths.exitCodeFile === undefined ? {} : { exitCodeFile: paths.exitCodeFile }),
    ...(request.logPath === undefined ? {} : { logPath: request.logPath }),
    ...(request.logSizeMaxBytes === undefined ? {} : { logSizeMaxBytes: request.logSizeMaxBytes }),
    runtime: [request.runtimePath, ...request.runtimeArgs],
    createArgs: request.createArgs,
    ...(request.standIn && { standIn: true }),
    env: environment(request.env),
    terminal: request.terminal,
    ...request.terminalSize,
    stdin: request.stdin,
    stdinOnce: request.stdinOnce,
    uid: request.uid,
    gid: request.gid,
    createTimeoutMs: request.createTimeoutMs,
    cgroupDirs: request.cgroupDirs,
  };
}

async function startMonitor(
  parts: CreateParts,
  request: MonitorRequest,
  configPath: string,
  rollback: RegisterUndo,
): Promise<number> {
  const argv = [parts.monitorPath, 'run', configPath];
  try {
    return await parts.spawner.spawn({ argv, env: {}, config: undefined, take: request.take });
  } catch (cause) {
    if (!(cause instanceof DaemonError)) throw cause;
    const text = `container "${request.name}" could not be created: ${withoutId(request, cause.message)}`;
    if (cause.kind !== 'unavailable') throw new DaemonError(cause.kind, text, cause);
    // The spawner died, and the monitor may live: connected it can be ended. Or the monitor died, with the runtime.
    await parts.container.connect().catch(() => {});
    rollback('delete runtime state', () => deleteRuntimeState(parts.spawner, request));
    throw cause;
  }
}

async function waitForCreate(
  parts: CreateParts,
  request: MonitorRequest,
  rollback: RegisterUndo,
): Promise<ControlMessage> {
  const { container } = parts;
  let state: ControlMessage;
  try {
    const connection = await container.connect();
    state = await connection.request('wait', {}, request.createTimeoutMs + undoMs);
  } catch (cause) {
    // The monitor died, and the runtime with it, wherever it was; nobody has deleted what it had made.
    rollback('delete runtime state', () => deleteRuntimeState(parts.spawner, request));
    throw new DaemonError('unavailable', `lost the monitor of container "${request.name}"`, cause);
  }
  if (state['phase'] === 'failed') throw creationError(request, state);
  const startTicks = String(state['startTicks']);
  container.watch(await ProcessHandle.open(Number(state['pid']), startTicks));
  return state;
}

function creationError(request: MonitorRequest, state: ControlMessage): DaemonError {
  const where = `container "${request.name}"`;
  const message = withoutId(request, runtimeMessage(String(state['message'] ?? '')));
  if (state['stage'] === 'timeout')
    return new DaemonError(
      'deadline-exceeded',
      `${where} was not created within ${request.createTimeoutMs} ms`,
    );
  return new DaemonError('unknown', `${where} could not be created: ${message}`);
}

/** Paths of cgroups, bundle, layers and of the sandbox's files have ids, which are others at each attempt. */
function withoutId({ containerId }: MonitorRequest, text: string): string {
  return text.replaceAll(containerId, '<id>').replaceAll(/(?<=\/)[0-9a-f]{64}(?=\/)/g, '<id>');
}

async function deleteRuntimeState(spawner: Spawner, request: MonitorRequest): Promise<void> {
  const argv = [request.runtimePath, ...request.runtimeArgs, 'delete', '--force', request.containerId];
  const { env } = request;
  const command = { argv, env, cwd: undefined, stdin: undefined, timeoutMs: deleteTimeoutMs };
  await spawner.run(command, AbortSignal.timeout(2 * deleteTimeoutMs));
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (cause) {
    if (!isENOENT(cause)) throw cause;
  }
}
