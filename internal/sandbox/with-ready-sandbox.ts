// CreateContainer's view of a sandbox: look-up, readiness check and protection against a stop, in one call.

import type { PodContext } from '../container/container-parts.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import type { Sandbox } from './sandbox.ts';
import { sandboxFacts } from './sandbox-facts.ts';
import type { SandboxParts } from './sandbox-parts.ts';

/**
 * Runs `create` with the context of a ready sandbox. `not-found` when there is none, `failed-precondition` when it is not
 * ready or a stop begins meanwhile; a stop waits until `create` has ended.
 */
export async function withReadySandbox<T>(
  parts: SandboxParts,
  idOrPrefix: string,
  create: (pod: PodContext) => Promise<T>,
): Promise<T> {
  const sandbox = parts.sandboxes.get(idOrPrefix);
  const running = create(podContext(parts, sandbox));
  sandbox.creations.add(running);
  try {
    return await running;
  } finally {
    sandbox.creations.delete(running);
  }
}

function podContext(parts: SandboxParts, sandbox: Sandbox): PodContext {
  requireReady(sandbox);
  const { config, cgroupParent } = sandbox.record;
  return {
    facts: sandboxFacts(parts, sandbox.record, sandbox.status),
    cgroupParent,
    logDirectory: config.logDirectory === '' ? parts.defaults.logDirectory : config.logDirectory,
    privileged: config.privileged,
    requireAlive: () => requireReady(sandbox),
  };
}

function requireReady(sandbox: Sandbox): void {
  if (sandbox.status.state === 'ready' && !sandbox.stopping) return;
  const what = sandbox.stopping ? 'being stopped' : sandbox.status.state;
  throw new DaemonError('failed-precondition', `sandbox "${sandbox.id}" takes no containers: it is ${what}`);
}
