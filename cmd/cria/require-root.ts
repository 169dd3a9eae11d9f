// The daemon is root's: it makes mounts, namespaces, cgroups and device nodes.

import { DaemonError } from '../../internal/errors/daemon-error.ts';

/** Throws `permission-denied` for any user but root. */
export function requireRoot(uid: number | undefined): void {
  if (uid === 0) return;
  const text = `the daemon needs root, and runs as user ${uid}: start it by systemd or by sudo; "cria config" and "cria version" work for everybody`;
  throw new DaemonError('permission-denied', text);
}
