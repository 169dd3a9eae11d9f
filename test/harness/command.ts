// Runs the real clients (crictl, podman, skopeo, the daemon's own command line) as a person at a shell would.

import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { patienceMs } from './until.ts';

export interface Outcome {
  /** -1 when it was killed, for example by the time limit. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** The program's absolute path by PATH, or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(':');
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs a command to its end, whatever its exit code. */
export function attempt(argv: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  const [program = '', ...args] = argv;
  const env = { ...process.env, ...options.env };
  return new Promise((resolve) => {
    const limits = {
      timeout: options.timeoutMs ?? patienceMs,
      killSignal: 'SIGKILL',
      maxBuffer: 64 << 20,
    } as const;
    execFile(program, args, { ...limits, env }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ exitCode, stdout, stderr: stderr || (error?.message ?? '') });
    });
  });
}

/** Runs a command and returns its stdout; rejects with its words when it fails. */
export async function command(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await attempt(argv, options);
  if (exitCode !== 0) throw new Error(`${argv.join(' ')} ended with ${exitCode}: ${stderr}${stdout}`);
  return stdout;
}
