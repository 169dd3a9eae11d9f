// One run of one CNI plugin: found in the plugin directories, fed by environment and stdin, its answer decoded.

import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError, type ErrorKind } from '../errors/daemon-error.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { howItEnded, ProcessError } from '../process/process-error.ts';
import type { CniResult } from './cni-result.ts';

export type CniCommand = 'ADD' | 'CHECK' | 'DEL' | 'STATUS' | 'GC';

export interface PluginCall {
  readonly command: CniCommand;
  readonly plugin: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly stdin: object;
  readonly timeoutMs: number;
  /** How errors name what the call was for: `network "x" of pod "ns/name"`. */
  readonly subject: string;
}

/** The absolute path of a plugin's binary in the first directory that has it, or undefined. */
export async function findPlugin(
  plugin: string,
  directories: readonly string[],
): Promise<string | undefined> {
  for (const directory of directories) {
    const path = join(directory, plugin);
    try {
      await access(path, constants.X_OK);
      if ((await stat(path)).isFile()) return path;
    } catch {
      // not in this one
    }
  }
  return undefined;
}

/** The text for a plugin that is in none of the directories. */
export function missingPlugin(plugin: string, directories: readonly string[]): string {
  return `CNI plugin "${plugin}" is in none of the plugin directories (${directories.join(', ')})`;
}

export class PluginRunner {
  readonly #runner: CommandRunner;
  readonly #directories: readonly string[];

  constructor(runner: CommandRunner, directories: readonly string[]) {
    this.#runner = runner;
    this.#directories = directories;
  }

  /** Runs the plugin; resolves with what it printed, undefined when that was nothing. Rejects with a DaemonError. */
  async run(call: PluginCall, signal: AbortSignal): Promise<CniResult | undefined> {
    const path = await findPlugin(call.plugin, this.#directories);
    if (path === undefined)
      throw new DaemonError(
        'failed-precondition',
        `${call.subject}: ${missingPlugin(call.plugin, this.#directories)}`,
      );
    const env = {
      ...call.environment,
      CNI_COMMAND: call.command,
      CNI_PATH: this.#directories.join(':'),
    };
    const options = { stdin: JSON.stringify(call.stdin), env, timeoutMs: Math.ceil(call.timeoutMs) };
    let stdout: string;
    try {
      ({ stdout } = await this.#runner.run([path], options, signal));
    } catch (cause) {
      throw pluginFailure(call, cause, signal);
    }
    if (stdout.trim() === '') return undefined;
    const answer = jsonObject(stdout);
    if (answer === undefined)
      throw new DaemonError('internal', `${what(call)} printed no JSON result: ${excerpt(stdout)}`);
    return answer;
  }
}

function what(call: PluginCall): string {
  return `${call.subject}: ${call.command} of CNI plugin "${call.plugin}"`;
}

function pluginFailure(call: PluginCall, cause: unknown, signal: AbortSignal): DaemonError {
  if (signal.aborted) return new DaemonError('cancelled', `${what(call)} was cancelled`, cause);
  if (!(cause instanceof ProcessError)) return new DaemonError('internal', `${what(call)} failed`, cause);
  const { stdout, stderr, timedOut } = cause.failure;
  if (timedOut)
    return new DaemonError('deadline-exceeded', `${what(call)} did not end in time and was killed`, cause);
  const { code, msg, details } = jsonObject(stdout) ?? {};
  if (typeof msg !== 'string' && typeof code !== 'number') {
    const said = excerpt(stderr === '' ? stdout : stderr);
    const text = `${what(call)} ${howItEnded(cause.failure)} without an error report`;
    return new DaemonError('internal', said === '' ? text : `${text}: ${said}`, cause);
  }
  const parts = [msg, details].filter((part): part is string => typeof part === 'string' && part !== '');
  const text = `${what(call)} failed: ${excerpt(parts.join('; '))} (code ${String(code)})`;
  return new DaemonError(kindOf(code), text, cause);
}

/** The specification's well-known codes; all other failures are the plugin's own. */
function kindOf(code: unknown): ErrorKind {
  switch (code) {
    case 1: // incompatible version
    case 2: // unsupported field
    case 7: // invalid network configuration
      return 'failed-precondition';
    case 11: // try again later
    case 50: // the plugin is not available
    case 51: // the same, and pods have limited connectivity
      return 'unavailable';
    default:
      return 'internal';
  }
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** A plugin's words on one line of bounded length. */
function excerpt(text: string): string {
  return text
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, 1024);
}
