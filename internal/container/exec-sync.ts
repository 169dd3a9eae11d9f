// ExecSync: a command in a running container, its output and exit code.

import { DaemonError, hasKind } from '../errors/daemon-error.ts';
import type { ExecSyncResult } from '../monitor/monitor.ts';
import type { Container } from './container.ts';
import type { ContainerParts } from './container-parts.ts';
import { execMonitorCgroups, tellRefused } from './exec-monitor.ts';
import { execTarget, runningContainer } from './exec-target.ts';

/**
 * What is kept of both streams together (CVE-2022-1708: unbounded output filled memory). The kubelet and crictl refuse
 * messages over 16 MiB, so the answer stays below that with its framing.
 */
const maxOutputBytes = 16 * 1024 * 1024 - 64 * 1024;

export interface ExecSyncCommand {
  readonly command: readonly string[];
  /** 0: no limit. */
  readonly timeoutSeconds: number;
}

/**
 * Runs a command to its end. A code other than 0 is a result, not an error. `deadline-exceeded` at the timeout, with no
 * process of the command alive (the kubelet's prober reads that code); `failed-precondition` when the container does
 * not run.
 */
export async function execSync(
  parts: ContainerParts,
  idOrPrefix: string,
  request: ExecSyncCommand,
  signal: AbortSignal,
): Promise<ExecSyncResult> {
  const container = runningContainer(parts, idOrPrefix);
  const target = await execTarget(parts, container.id, { command: request.command, terminal: false });
  const timeoutMs = Math.max(0, request.timeoutSeconds) * 1000;
  const cgroupDirs = await execMonitorCgroups(parts, container);
  const command = { ...target, cgroupDirs, timeoutMs, maxOutputBytes };
  const result = await parts.monitors.execSync(command, signal).catch(async (cause: unknown) => {
    throw await asEnded(parts, container, cause);
  });
  if (result.cgroupRefused !== undefined) tellRefused(parts, container, result.cgroupRefused);
  return fitTogether(result);
}

/** A command that could not be started since its container has ended meanwhile, which each runtime says in its own words. */
async function asEnded(parts: ContainerParts, { id, status }: Container, cause: unknown): Promise<unknown> {
  if (!hasKind(cause, 'unknown') || !(await parts.monitors.hasEnded(status))) return cause;
  const text = `cannot run a command in container "${id}": it has ended meanwhile`;
  return new DaemonError('failed-precondition', text, cause);
}

/** Cuts the ends off until both streams fit; the shorter one keeps at least half of the room. */
function fitTogether(result: ExecSyncResult): ExecSyncResult {
  const { stdout, stderr } = result;
  const forStderr = Math.min(stderr.length, Math.max(maxOutputBytes / 2, maxOutputBytes - stdout.length));
  return {
    ...result,
    stdout: stdout.subarray(0, maxOutputBytes - forStderr),
    stderr: stderr.subarray(0, forStderr),
  };
}
