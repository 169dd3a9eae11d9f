// Connections into a pod, for port-forward.

import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';
import type { Sandbox } from './sandbox.ts';
import type { SandboxParts } from './sandbox-parts.ts';

/**
 * Connects to a port on the loopback of the sandbox, IPv4 first, and of the host for a pod on the host's network. Each
 * direction of the connection ends apart; it is dropped when the sandbox is stopped. The caller listens for its errors.
 *
 * `not-found` for an unknown sandbox, `failed-precondition` for one that is not ready, `invalid-argument` for a port out of
 * range, `unavailable` when nobody takes the connection.
 */
export async function dialSandbox(
  parts: SandboxParts,
  idOrPrefix: string,
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  requirePort(port);
  const sandbox = forwardableSandbox(parts, idOrPrefix);
  const life = new AbortController();
  sandbox.connections.add(life);
  try {
    const socket = await dial(parts, sandbox, port, { life, signal });
    socket.once('close', () => sandbox.connections.delete(life));
    if (life.signal.aborted) socket.destroy(); // since it was connected
    life.signal.throwIfAborted();
    life.signal.addEventListener('abort', () => socket.destroy(life.signal.reason as Error));
    return socket;
  } catch (cause) {
    sandbox.connections.delete(life);
    throw cause;
  }
}

async function dial(
  parts: SandboxParts,
  sandbox: Sandbox,
  port: number,
  { life, signal }: { life: AbortController; signal: AbortSignal },
): Promise<Socket> {
  const leave = (): void => life.abort(signal.reason);
  if (signal.aborted) leave();
  setMaxListeners(0, signal); // one client may wait for hundreds
  signal.addEventListener('abort', leave);
  const isHost = sandbox.record.config.namespaces.network === 'node';
  try {
    const path = isHost ? undefined : podNamespace(sandbox);
    return await parts.dialer.dial(path, port, life.signal);
  } catch (cause) {
    if (life.signal.aborted) throw life.signal.reason;
    if (cause instanceof DaemonError) throw cause;
    const where = isHost
      ? `on the host, whose network sandbox "${sandbox.id}" uses`
      : `in sandbox "${sandbox.id}"`;
    throw new DaemonError(
      'unavailable',
      `cannot connect to port ${port} ${where}: ${reasonOf(cause)}`,
      cause,
    );
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** Never undefined: the dialer would take it for the host's network. */
function podNamespace({ id, status }: Sandbox): string {
  const path = status.namespaces.network;
  if (path !== undefined) return path;
  throw new DaemonError(
    'failed-precondition',
    `sandbox "${id}" has no network namespace; it must be made again`,
  );
}

function reasonOf(cause: unknown): string {
  const code = errnoCode(cause);
  if (code === 'ECONNREFUSED') return 'connection refused: nothing listens on 127.0.0.1 or ::1';
  if (code === 'EMFILE' || code === 'ENFILE') return 'too many open files';
  return describeError(cause);
}

/** `stopped` is aborted when a stop of the sandbox begins, or at once when it cannot be forwarded into; `release` ends the watch. */
export function watchSandbox(
  parts: SandboxParts,
  id: string,
): { readonly stopped: AbortSignal; release(): void } {
  const life = new AbortController();
  try {
    const { connections } = forwardableSandbox(parts, id);
    connections.add(life);
    return { stopped: life.signal, release: () => void connections.delete(life) };
  } catch (cause) {
    life.abort(cause);
    return { stopped: life.signal, release: () => {} };
  }
}

/** Drops all connections into a sandbox that is being stopped; they would keep its network namespace. */
export function dropConnections(sandbox: Sandbox): void {
  const why = new DaemonError('failed-precondition', `sandbox "${sandbox.id}" is being stopped`);
  for (const life of sandbox.connections) life.abort(why);
}

/** The sandbox, if it is one whose ports can be forwarded now; errors as `dialSandbox`. */
export function forwardableSandbox(parts: SandboxParts, idOrPrefix: string): Sandbox {
  const sandbox = parts.sandboxes.get(idOrPrefix);
  if (sandbox.status.state === 'ready' && !sandbox.stopping) return sandbox;
  const what = sandbox.status.state === 'ready' ? 'being stopped' : sandbox.status.state;
  throw new DaemonError(
    'failed-precondition',
    `ports of sandbox "${sandbox.id}" cannot be forwarded: it is ${what}`,
  );
}

/** `invalid-argument` for what is no TCP port. */
export function requirePort(port: number): void {
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return;
  throw new DaemonError('invalid-argument', `port ${port} cannot be forwarded: a port is 1 to 65535`);
}
