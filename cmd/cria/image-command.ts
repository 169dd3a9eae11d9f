// `cria image ...`: on the image store itself, whether a daemon runs or not.

import type { LoadedConfig } from '../../internal/config/load-config.ts';
import { monitorProgram } from '../../internal/config/validate-config.ts';
import { DaemonError, describeError } from '../../internal/errors/daemon-error.ts';
import type { StoredImages } from '../../internal/image/stored-images.ts';
import { Spawner } from '../../internal/monitor/spawner.ts';
import { SpawnerRunner } from '../../internal/monitor/spawner-runner.ts';
import type { ImageCommand } from './cli/image-arguments.ts';
import { formatDetails, formatImages, formatPruned } from './cli/image-output.ts';
import { pullDisplay } from './cli/pull-display.ts';
import { formatJson } from './cli/table.ts';
import type { Terminal } from './cli/terminal.ts';
import { UsageError } from './cli/usage-error.ts';
import { interruptible } from './interruptible.ts';
import { createLogger, type LogLevel } from './logger.ts';
import { wireImages } from './wire-images.ts';
import { sendArchive, writeArchive } from './write-archive.ts';

type CommandOf<Action extends ImageCommand['action']> = Extract<ImageCommand, { readonly action: Action }>;

interface Work {
  readonly images: StoredImages;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/** Does what the command says; resolves with the exit code. Ctrl-C ends it, and what it left is gone. */
export function runImageCommand(
  { config }: LoadedConfig,
  command: ImageCommand,
  terminal: Terminal,
): Promise<number> {
  return interruptible(terminal, async (signal) => {
    const logger = createLogger(quieter(config.runtime.log_level), config.cria.log_format);
    const spawner = new Spawner({ monitorPath: monitorProgram(config), logger }); // starts with the first command
    try {
      const runner = new SpawnerRunner(spawner);
      const use = { isDaemon: false };
      const { store, images } = await wireImages(config, { runner, logger, lifetime: signal, use });
      try {
        return await perform({ images, terminal, signal }, command);
      } finally {
        await images.idle();
        await store.close();
      }
    } finally {
      await spawner.close();
    }
  });
}

/** What the daemon tells its journal is in a person's way. */
function quieter(level: LogLevel): LogLevel {
  return level === 'info' ? 'warn' : level;
}

async function perform(work: Work, command: ImageCommand): Promise<number> {
  switch (command.action) {
    case 'pull':
      return pull(work, command);
    case 'load':
      return load(work, command);
    case 'save':
      return save(work, command);
    case 'list':
      return list(work, command);
    case 'inspect':
      return inspect(work, command);
    case 'remove':
      return remove(work, command);
    case 'prune':
      return prune(work, command);
  }
}

async function pull({ images, terminal, signal }: Work, command: CommandOf<'pull'>): Promise<number> {
  const { reference, namespace, quiet, json } = command;
  const request = { reference, credentials: undefined, namespace };
  const watched = quiet || json ? request : { ...request, listener: pullDisplay(terminal) };
  const id = await images.pull(watched, signal);
  terminal.out(json ? formatJson(images.find(id)) : `${id}\n`);
  return 0;
}

async function load({ images, terminal, signal }: Work, command: CommandOf<'load'>): Promise<number> {
  const ids = await images.load(command.path, command.names, signal);
  terminal.out(
    command.json ? formatJson(ids.map((id) => images.find(id))) : ids.map((id) => `${id}\n`).join(''),
  );
  return 0;
}

async function save({ images, terminal, signal }: Work, command: CommandOf<'save'>): Promise<number> {
  const { references, format, output } = command;
  if (output === undefined && terminal.showsResult) {
    throw new UsageError('the archive would go to the terminal: give --output PATH or a pipe');
  }
  const archive = images.save(references, format);
  if (output === undefined) await sendArchive(archive, terminal, signal);
  else await writeArchive(archive, output, signal);
  return 0;
}

function list({ images, terminal }: Work, { json, quiet }: CommandOf<'list'>): number {
  const all = images.list();
  if (json) terminal.out(formatJson(all));
  else terminal.out(quiet ? all.map(({ id }) => `${id}\n`).join('') : formatImages(all));
  return 0;
}

async function inspect({ images, terminal }: Work, command: CommandOf<'inspect'>): Promise<number> {
  const found = await Promise.all(command.references.map((reference) => images.inspect(reference)));
  terminal.out(command.json ? formatJson(found) : found.map(formatDetails).join('\n'));
  return 0;
}

async function remove(work: Work, { references, json }: CommandOf<'remove'>): Promise<number> {
  const removed = await removeEach(work, references);
  if (json) work.terminal.out(formatJson({ removed }));
  return removed.length === references.length ? 0 : 1;
}

async function prune(work: Work, { all, dryRun, json }: CommandOf<'prune'>): Promise<number> {
  const { images, terminal } = work;
  const plan = images.prunable(all);
  const before = await images.usage();
  const ids = plan.images.map(({ id }) => id);
  const removed = dryRun ? ids : await removeEach(work, ids);
  const done = plan.images.filter(({ id }) => removed.includes(id));
  const isWhole = done.length === ids.length;
  const freedBytes = isWhole ? plan.freedBytes : before.usedBytes - (await images.usage()).usedBytes;
  const outcome = { images: done, freedBytes: Math.max(0, freedBytes) };
  terminal.out(json ? formatJson({ ...outcome, dryRun }) : formatPruned(outcome, dryRun));
  return isWhole ? 0 : 1;
}

/** Those that are gone; of the others the reason is told. */
async function removeEach(
  { images, terminal, signal }: Work,
  references: readonly string[],
): Promise<string[]> {
  const removed: string[] = [];
  for (const reference of references) {
    signal.throwIfAborted();
    try {
      await images.remove(reference, signal);
      removed.push(reference);
    } catch (cause) {
      if (!(cause instanceof DaemonError) || signal.aborted) throw cause;
      terminal.err(`cria: ${describeError(cause)}\n`);
    }
  }
  return removed;
}
