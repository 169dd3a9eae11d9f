// Seccomp profiles that kill the OCI runtime: it is under the filter itself from when it has set it until its execve(2).

import { DaemonError } from '../errors/daemon-error.ts';
import type { RuntimeHandler } from '../oci/oci-runtime.ts';
import type { RuntimeSpec, SeccompSpec } from '../oci/runtime-spec.ts';

const killing: ReadonlySet<string> = new Set([
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_KILL_PROCESS',
]);
/** Without one of these a process can neither become another program nor end. */
const indispensable: ReadonlySet<string> = new Set(['execve', 'execveat', 'exit', 'exit_group']);

/**
 * Refuses with `invalid-argument` a filter under which nothing can run: runc's init, of which it kills a thread, would
 * wait for that until the creation runs out of time. A pod's own kernel (gVisor) does not have the filter.
 */
export function requireLivable({ linux }: RuntimeSpec, { features }: Pick<RuntimeHandler, 'features'>): void {
  const { seccomp } = linux;
  if (seccomp === undefined || features.kernelPerPod === true || !killing.has(seccomp.defaultAction)) return;
  if (seccomp.syscalls.some((rule) => !killing.has(rule.action) && rule.names.some(isIndispensable))) return;
  const text = `no process can run under the seccomp profile: its default action ${seccomp.defaultAction}`;
  throw new DaemonError('invalid-argument', `${text} is for all of ${[...indispensable].join(', ')}`);
}

function isIndispensable(name: string): boolean {
  return indispensable.has(name);
}

/** The error of a creation, with what may have been the reason where it has run out of time. */
export function withSeccompHint(error: unknown, seccomp: SeccompSpec | undefined): unknown {
  const action = seccomp?.defaultAction ?? '';
  const isHint = error instanceof DaemonError && error.kind === 'deadline-exceeded' && killsThreads(action);
  if (!isHint) return error;
  const text = `${error.message}; its seccomp profile may have killed a thread of the OCI runtime by ${action}`;
  const next = 'SCMP_ACT_KILL_PROCESS in its place, or SCMP_ACT_LOG, shows which call is missing';
  return new DaemonError(error.kind, `${text}: ${next}`, error);
}

/** SCMP_ACT_KILL is the older name (seccomp_init(3)). */
function killsThreads(action: string): boolean {
  return action === 'SCMP_ACT_KILL' || action === 'SCMP_ACT_KILL_THREAD';
}
