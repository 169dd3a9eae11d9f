// Pins namespaces as files below `namespaces_dir`, where `ip netns` and the CNI plugins look for them.

import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError, type ErrorKind } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import { detachMount } from '../fs/detach-mount.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { ProcessError } from '../process/process-error.ts';
import { type IdMap, piecesOf } from '../sys/id-maps.ts';
import type { NamespacePinner, PinnedNamespaces, PinRequest } from './namespace-pinner.ts';

const pinTimeoutMs = 30_000;

export class BindMountPinner implements NamespacePinner {
  readonly #directory: string;
  readonly #monitorPath: string;
  readonly #runner: CommandRunner;

  /** `directory` is the parent of netns/, ipcns/, utsns/ and userns/, which exist; `monitorPath` the native program that has a `pin` role. */
  constructor(directory: string, monitorPath: string, runner: CommandRunner) {
    this.#directory = directory;
    this.#monitorPath = monitorPath;
    this.#runner = runner;
  }

  async pin(request: PinRequest, signal: AbortSignal): Promise<PinnedNamespaces> {
    const paths = this.#paths(request.sandboxId);
    const pinned: PinnedNamespaces = {
      network: request.network ? paths.network : undefined,
      ipc: request.ipc ? paths.ipc : undefined,
      uts: request.uts ? paths.uts : undefined,
      user: request.user !== undefined ? paths.user : undefined,
    };
    const argv = [this.#monitorPath, 'pin', ...pinArguments(pinned, request)];
    if (argv.length === 2) return pinned;
    try {
      await this.#runner.run(argv, { timeoutMs: pinTimeoutMs }, signal);
    } catch (cause) {
      if (!(cause instanceof ProcessError)) throw cause;
      throw pinError(cause, request);
    }
    return pinned;
  }

  async unpin(sandboxId: string): Promise<void> {
    for (const path of Object.values(this.#paths(sandboxId))) {
      await detachMount(path);
      try {
        await unlink(path);
      } catch (cause) {
        if (!isENOENT(cause)) throw cause;
      }
    }
  }

  #paths(sandboxId: string): Record<keyof PinnedNamespaces, string> {
    return {
      network: join(this.#directory, 'netns', sandboxId),
      ipc: join(this.#directory, 'ipcns', sandboxId),
      uts: join(this.#directory, 'utsns', sandboxId),
      user: join(this.#directory, 'userns', sandboxId),
    };
  }
}

/** By the exit codes of the role `pin`. */
const sysctlErrors: ReadonlyMap<number | null, ErrorKind> = new Map([
  [3, 'invalid-argument'],
  [4, 'failed-precondition'],
]);

/** What the kernel says of a sysctl is about the request; anything else is about this machine. */
function pinError(cause: ProcessError, { sysctls }: PinRequest): DaemonError {
  const words = cause.failure.stderr.trim() || cause.message;
  const kind = sysctlErrors.get(cause.failure.exitCode);
  for (const [name, value] of kind === undefined ? [] : Object.entries(sysctls)) {
    const [before, reason] = words.split(`${name}=${value}: `, 2);
    if (before !== 'set the sysctl ' || reason === undefined) continue;
    const text = `sysctl "${name}" of the pod cannot be set to "${value}" on this node: ${reason}`;
    return new DaemonError(kind ?? 'internal', text, cause);
  }
  return new DaemonError('internal', `cannot make the pod's namespaces: ${words}`, cause);
}

/** As /proc/PID/uid_map has it: a line for each piece. */
function mapText(map: IdMap): string {
  return piecesOf(map)
    .map(({ inside, outside, length }) => `${inside} ${outside} ${length}`)
    .join('\n');
}

function pinArguments(pinned: PinnedNamespaces, request: PinRequest): string[] {
  const args: string[] = [];
  if (pinned.network !== undefined) args.push('--net', pinned.network);
  if (pinned.ipc !== undefined) args.push('--ipc', pinned.ipc);
  if (pinned.uts !== undefined) args.push('--uts', pinned.uts);
  if (pinned.uts !== undefined && request.hostname !== '') args.push('--hostname', request.hostname);
  if (pinned.user !== undefined && request.user !== undefined) {
    const { uids, gids } = request.user;
    args.push('--user', pinned.user, '--uid-map', mapText(uids), '--gid-map', mapText(gids));
  }
  if (args.length === 0) return args;
  for (const [name, value] of Object.entries(request.sysctls)) args.push('--sysctl', `${name}=${value}`);
  return args;
}
