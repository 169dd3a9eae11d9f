// What every exec needs: a container that runs, and the process that the OCI runtime is to start in it.

import { readFile } from 'node:fs/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import type { ExecCommand } from '../monitor/monitor.ts';
import type { ProcessSpec, RuntimeSpec } from '../oci/runtime-spec.ts';
import type { Container, ExecBase } from './container.ts';
import { containerPaths } from './container-files.ts';
import type { ContainerParts } from './container-parts.ts';
import { execCgroup } from './exec-cgroup.ts';
import { execCpu } from './exec-cpu.ts';
import { handlerOf } from './handler-of.ts';
import { execProcess } from './spec/process-spec.ts';
import { ownerByMappings } from './spec/user-namespace.ts';

/** All of the command but how long it may take. */
export type ExecTarget = Omit<ExecCommand, 'timeoutMs' | 'cgroupDirs'>;

/** `invalid-argument` for a command that cannot be one; errors of `runningContainer`. */
export async function execTarget(
  parts: ContainerParts,
  idOrPrefix: string,
  { command, terminal }: { readonly command: readonly string[]; readonly terminal: boolean },
): Promise<ExecTarget> {
  const container = runningContainer(parts, idOrPrefix);
  const { runtime, features } = handlerOf(parts, container.metadata);
  container.execBase ??= await readBase(parts, container);
  const { process, owner } = container.execBase;
  const cpu = execCpu(parts, container);
  return {
    containerId: container.id,
    runtimePath: runtime.path,
    runtimeArgs: runtime.globalArgs,
    env: runtime.env,
    process: { ...execProcess(process, command, terminal), ...affinity(cpu) },
    owner,
    cgroup: execCgroup(parts, container),
    hasGuestPids: features.guestPids,
    cpu,
  };
}

/** For runtimes that know it; the monitor sees to the others. */
function affinity(cpu: number | undefined): Pick<ProcessSpec, 'execCPUAffinity'> {
  return cpu === undefined ? {} : { execCPUAffinity: { initial: String(cpu), final: String(cpu) } };
}

/** `not-found` for an unknown container, `failed-precondition` for one that does not run. */
export function runningContainer(parts: ContainerParts, idOrPrefix: string): Container {
  const container = parts.containers.get(idOrPrefix);
  requireRunning(container);
  return container;
}

async function readBase(parts: ContainerParts, container: Container): Promise<ExecBase> {
  try {
    const text = await readFile(containerPaths(parts.directories, container.id).spec, 'utf8');
    const spec: RuntimeSpec = JSON.parse(text);
    return { process: spec.process, owner: ownerByMappings(spec) };
  } catch (cause) {
    requireRunning(container); // removed meanwhile
    throw new DaemonError('internal', `cannot read the spec of container "${container.id}"`, cause);
  }
}

function requireRunning(container: Container): void {
  const { state } = container.status;
  if (state === 'running' && !container.removing) return;
  const what = container.removing ? 'being removed' : state;
  const text = `cannot run a command in container "${container.id}": it is ${what}`;
  throw new DaemonError('failed-precondition', `${text}, only a running container takes one`);
}
