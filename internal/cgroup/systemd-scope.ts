// Transient scopes of systemd, by its D-Bus interface (org.freedesktop.systemd1(5)) through busctl.

import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import type { CommandRunner } from '../process/command-runner.ts';

export interface Scope {
  readonly name: string;
  readonly slice: string;
}

const callTimeoutMs = 10_000;
const lookMs = 2;

/**
 * Makes a scope around a process; it is inside when this resolves. At the shutdown of the host the scope gets a signal that
 * monitors ignore, and only after the daemon has stopped: they leave by themselves when their containers have ended.
 */
export async function moveToScope(
  busctl: string,
  scope: Scope,
  pid: number,
  runner: CommandRunner,
): Promise<void> {
  const signal = new AbortController().signal;
  await runner.run([busctl, ...scopeCall(scope, pid)], { timeoutMs: callTimeoutMs }, signal);
  // The call only queues the job.
  for (
    const end = performance.now() + callTimeoutMs;
    !(await isInside(pid, scope.name));
    await delay(lookMs)
  ) {
    if (performance.now() > end)
      throw new DaemonError('deadline-exceeded', `systemd has not started ${scope.name} in time`);
  }
}

/** busctl's arguments, with the signature of StartTransientUnit: name, mode, properties, auxiliary units. */
export function scopeCall(scope: Scope, pid: number): string[] {
  const properties = [
    ['PIDs', 'au', '1', String(pid)],
    ['Slice', 's', scope.slice],
    ['Description', 's', 'cria-monitor of a container'],
    ['DefaultDependencies', 'b', 'false'],
    ['After', 'as', '1', 'crio.service'],
    ['KillSignal', 'i', '13'],
    ['CollectMode', 's', 'inactive-or-failed'],
  ];
  const manager = [
    'org.freedesktop.systemd1',
    '/org/freedesktop/systemd1',
    'org.freedesktop.systemd1.Manager',
  ];
  return [
    '--system',
    'call',
    ...manager,
    'StartTransientUnit',
    'ssa(sv)a(sa(sv))',
    scope.name,
    'fail',
    String(properties.length),
    ...properties.flat(),
    '0',
  ];
}

async function isInside(pid: number, scopeName: string): Promise<boolean> {
  return (await readFile(`/proc/${pid}/cgroup`, 'utf8')).includes(`/${scopeName}`);
}
