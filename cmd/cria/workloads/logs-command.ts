// `cria logs`.

import { setTimeout as sleep } from 'node:timers/promises';
import { DaemonError, hasKind } from '../../../internal/errors/daemon-error.ts';
import type { WorkloadCommand } from '../cli/workload-arguments.ts';
import { findContainer } from './find-workload.ts';
import { LogFile } from './log-file.ts';
import { LogPrinter } from './log-printer.ts';
import type { Work } from './run-command.ts';
import { type Container, listContainers } from './workload.ts';

/** How often a log that has no more to read is looked at again. */
const pauseMs = 200;

export async function logsCommand(
  work: Work,
  command: Extract<WorkloadCommand, { readonly action: 'logs' }>,
): Promise<number> {
  const { client, signal, terminal } = work;
  const containers = await listContainers(client, signal);
  const found = findContainer(containers, command.container);
  const { id } = command.previous ? attemptBefore(containers, found) : found;
  const { status } = await client.call('ContainerStatus', { containerId: id }, signal);
  if (status === null || status.logPath === '')
    throw new DaemonError(
      'failed-precondition',
      `container "${id}" has no log: its pod has no log directory`,
    );
  const printer = new LogPrinter(command.options);
  const log = await LogFile.open(status.logPath, command.options.tailLines);
  try {
    await print(work, log, printer, { id, follow: command.options.follow });
  } finally {
    await log.close();
  }
  if (printer.strangeLines > 0)
    terminal.err(`cria: ${printer.strangeLines} lines of "${status.logPath}" are no log records\n`);
  return 0;
}

/** Of the same container; `not-found` when the pod's containers were cleared away meanwhile. */
function attemptBefore(containers: readonly Container[], found: Container): Container {
  const isBefore = ({ podId, name, attempt }: Container): boolean =>
    podId === found.podId && name === found.name && attempt < found.attempt;
  const [newest] = containers.filter(isBefore).sort((left, right) => right.attempt - left.attempt);
  if (newest !== undefined) return newest;
  const text = `container "${found.id}" (${found.name}) is attempt ${found.attempt}, an earlier one is not there`;
  throw new DaemonError('not-found', text);
}

interface Reading {
  readonly id: string;
  readonly follow: boolean;
}

/** Until the end of the log, or of the container, or until nobody reads any more. */
async function print(
  { client, signal }: Work,
  log: LogFile,
  printer: LogPrinter,
  { id, follow }: Reading,
): Promise<void> {
  for (;;) {
    // Asked before the log is read: of a container that has ended, everything is in the log.
    const isOver = !follow || !(await isAlive(client, id, signal));
    for (;;) {
      for await (const lines of log.lines()) {
        if (!(await printer.print(lines, signal))) return;
      }
      if (!follow || !(await log.rotate())) break;
    }
    if (isOver) return;
    await sleep(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** While no daemon answers, the log goes on: the next daemon knows how the container fares. */
async function isAlive(client: Work['client'], containerId: string, signal: AbortSignal): Promise<boolean> {
  try {
    const { status } = await client.call('ContainerStatus', { containerId }, signal);
    return status?.state === 'CONTAINER_RUNNING' || status?.state === 'CONTAINER_CREATED';
  } catch (cause) {
    if (hasKind(cause, 'not-found')) return false;
    if (hasKind(cause, 'unavailable') || hasKind(cause, 'deadline-exceeded')) return true;
    throw cause;
  }
}
