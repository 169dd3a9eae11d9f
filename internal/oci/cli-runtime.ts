// The driver for runtimes with runc's command line: runc, crun and their like.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { listDirectory } from '../fs/directories.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { ProcessError } from '../process/process-error.ts';
import { runtimeMessage } from '../process/runtime-message.ts';
import type { KillOptions, OciRuntime, RuntimeState } from './oci-runtime.ts';
import type { ResourcesSpec } from './runtime-spec.ts';

export interface CliRuntimeSettings {
  readonly path: string;
  /** Where the runtime keeps its state (`--root`). */
  readonly root: string;
  readonly systemdCgroup: boolean;
  /** More of the runtime's global options. */
  readonly args: readonly string[];
  /** NAME=VALUE; added to a PATH with the usual directories. */
  readonly env: readonly string[];
}

interface CallOptions {
  readonly stdin?: string;
  readonly through?: readonly string[];
}

type RuntimeCommand = Pick<OciRuntime, 'path' | 'globalArgs' | 'env'> & Partial<Pick<OciRuntime, 'root'>>;

const callTimeoutMs = 60_000;
const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What runc and crun say of a container, or its process, that is not there. There is no exit code for it. */
const goneTexts = [
  'does not exist',
  'no such process',
  'process already finished',
  'container not running',
  'container is not running',
  'no such container',
];

/** Of runsc, to a pod's kernel that has ended: there is nothing to signal any more, but state to delete. */
const kernelGoneText = 'connecting to control server';

/** The command of a runtime as a handler has it. */
export function runtimeCommand({ path, root, systemdCgroup, args, env }: CliRuntimeSettings): RuntimeCommand {
  return {
    path,
    root,
    globalArgs: ['--root', root, ...(systemdCgroup ? ['--systemd-cgroup'] : []), ...args],
    env: { PATH: usualPath, ...Object.fromEntries(env.map(splitVariable)) },
  };
}

/** Runs the OCI runtime's verbs as commands through `runner`, in the order the caller gives. */
export class CliRuntime implements OciRuntime {
  readonly path: string;
  readonly root: string | undefined;
  readonly globalArgs: readonly string[];
  // A runtime that sees NOTIFY_SOCKET would wait in `start` for the container's sd_notify, so nothing is inherited.
  readonly env: Readonly<Record<string, string>>;
  readonly #runner: CommandRunner;

  constructor(command: RuntimeCommand, runner: CommandRunner) {
    this.path = command.path;
    this.root = command.root;
    this.globalArgs = command.globalArgs;
    this.env = command.env;
    this.#runner = runner;
  }

  async start(containerId: string, through: readonly string[] = []): Promise<void> {
    await this.#call(['start', containerId], { through });
  }

  async kill(containerId: string, signalNumber: number, options: KillOptions): Promise<void> {
    const all = options.all ? ['--all'] : [];
    const args = ['kill', ...all, containerId, String(signalNumber)];
    await this.#callUnlessGone(args, [...goneTexts, kernelGoneText]);
  }

  async resume(containerId: string): Promise<void> {
    await this.#callUnlessGone(['resume', containerId]);
  }

  async state(containerId: string): Promise<RuntimeState | undefined> {
    const text = await this.#callUnlessGone(['state', containerId]);
    return text === undefined ? undefined : (JSON.parse(text) as { status: RuntimeState }).status;
  }

  async update(containerId: string, resources: Omit<ResourcesSpec, 'devices'>): Promise<void> {
    await this.#call(['update', '--resources', '-', containerId], { stdin: JSON.stringify(resources) });
  }

  async delete(containerId: string): Promise<void> {
    await this.#callUnlessGone(['delete', '--force', containerId]);
  }

  async deleteKernel(sandboxId: string): Promise<void> {
    await this.delete(sandboxId);
    // A runsc that meets a kernel which was killed may leave its empty lock of a container; nobody takes it any more.
    const { root } = this;
    if (root === undefined) return;
    const left = (await listDirectory(root)).filter((name) => name.endsWith(`_sandbox:${sandboxId}.lock`));
    await Promise.all(left.map((name) => rm(join(root, name), { force: true })));
  }

  async #callUnlessGone(args: readonly string[], texts = goneTexts): Promise<string | undefined> {
    try {
      return await this.#call(args);
    } catch (cause) {
      if (!isGone(cause, texts)) throw cause;
      return undefined;
    }
  }

  async #call(args: readonly string[], more: CallOptions = {}): Promise<string> {
    const { through = [], stdin } = more;
    const argv = [...through, this.path, ...this.globalArgs, ...args];
    try {
      // Not the request's signal: a verb that was begun is finished, its result must not be lost.
      const options = { env: this.env, timeoutMs: callTimeoutMs, ...(stdin !== undefined && { stdin }) };
      return (await this.#runner.run(argv, options, new AbortController().signal)).stdout;
    } catch (cause) {
      throw asDaemonError(cause, args[0] ?? '');
    }
  }
}

function splitVariable(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  return [text.slice(0, at), text.slice(at + 1)];
}

function isGone(error: unknown, texts: readonly string[]): boolean {
  const text = error instanceof DaemonError ? error.message.toLowerCase() : '';
  return texts.some((gone) => text.includes(gone));
}

function asDaemonError(cause: unknown, verb: string): DaemonError {
  if (!(cause instanceof ProcessError))
    return new DaemonError('internal', `OCI runtime ${verb} failed`, cause);
  const words = runtimeMessage(cause.failure.stderr);
  if (cause.failure.timedOut) {
    return new DaemonError(
      'deadline-exceeded',
      `OCI runtime ${verb} did not end in ${callTimeoutMs / 1000} s`,
      cause,
    );
  }
  return new DaemonError(
    'unknown',
    words === '' ? cause.message : `OCI runtime ${verb} failed: ${words}`,
    cause,
  );
}
