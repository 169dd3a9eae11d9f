// ExecSync: a command in a running container, its output and exit code.

import { readFile } from 'node:fs/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import type { ExecSyncResult } from '../monitor/monitor.ts';
import type { RuntimeSpec } from '../oci/runtime-spec.ts';
import type { Container } from './container.ts';
import { containerPaths } from './container-files.ts';
import type { ContainerParts } from './container-parts.ts';
import { execCgroup } from './exec-cgroup.ts';
import { execProcess } from './spec/process-spec.ts';

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
  const container = parts.containers.get(idOrPrefix);
  requireRunning(container);
  const { runtime } = parts.runtimes.get(container.metadata.runtimeHandler);
  const stored = await readSpec(parts, container);
  const result = await parts.monitors.execSync(
    {
      containerId: container.id,
      runtimePath: runtime.path,
      runtimeArgs: runtime.globalArgs,
      env: runtime.env,
      process: execProcess(stored.process, request.command, false),
      cgroup: execCgroup(parts, container),
      timeoutMs: Math.max(0, request.timeoutSeconds) * 1000,
      maxOutputBytes,
    },
    signal,
  );
  return fitTogether(result);
}

async function readSpec(parts: ContainerParts, container: Container): Promise<RuntimeSpec> {
  try {
    return JSON.parse(await readFile(containerPaths(parts.directories, container.id).spec, 'utf8'));
  } catch (cause) {
    requireRunning(container); // removed meanwhile
    throw new DaemonError('internal', `cannot read the spec of container "${container.id}"`, cause);
  }
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

function requireRunning(container: Container): void {
  const { state } = container.status;
  if (state === 'running' && !container.removing) return;
  const what = container.removing ? 'being removed' : state;
  const text = `cannot run a command in container "${container.id}": it is ${what}`;
  throw new DaemonError('failed-precondition', `${text}, only a running container takes one`);
}
