// CreateContainer's view of a sandbox: look-up, readiness check and protection against a stop.

import type { PodContext } from '../container/container-parts.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import type { Sandbox } from './sandbox.ts';
import { sandboxFacts } from './sandbox-facts.ts';
import type { SandboxParts } from './sandbox-parts.ts';
import { checkNamespaces } from './sandbox-readiness.ts';

/** The context of a ready sandbox; `not-found` when there is none, `failed-precondition` when it is not ready. */
export function readySandbox(parts: SandboxParts, idOrPrefix: string): PodContext {
  const sandbox = parts.sandboxes.get(idOrPrefix);
  requireReady(sandbox);
  const { config, cgroupParent } = sandbox.record;
  return {
    facts: sandboxFacts(parts, sandbox.record, sandbox.status),
    cgroupParent,
    logDirectory: config.logDirectory === '' ? parts.defaults.logDirectory : config.logDirectory,
    privileged: config.privileged,
    requireAlive: () => requireReady(sandbox),
    whileCreating: (create) => whileCreating(parts, sandbox, create),
  };
}

async function whileCreating<T>(parts: SandboxParts, sandbox: Sandbox, create: () => Promise<T>): Promise<T> {
  const running = create().catch(async (cause: unknown) => {
    const lost = await checkNamespaces(parts, sandbox);
    if (lost === undefined) throw cause;
    const text = `sandbox "${sandbox.id}" takes no containers: its ${lost} namespace is gone, it must be made again`;
    throw new DaemonError('failed-precondition', text, cause);
  });
  sandbox.creations.add(running);
  try {
    return await running;
  } finally {
    sandbox.creations.delete(running);
  }
}

function requireReady(sandbox: Sandbox): void {
  if (sandbox.status.state === 'ready' && !sandbox.stopping) return;
  const what = sandbox.stopping ? 'being stopped' : sandbox.status.state;
  throw new DaemonError('failed-precondition', `sandbox "${sandbox.id}" takes no containers: it is ${what}`);
}
