// StopContainer: the stop signal, a grace period, then SIGKILL.

import { setTimeout as sleep } from 'node:timers/promises';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import { monotonicMs } from './clock.ts';
import type { Container } from './container.ts';
import { releaseContainer } from './container-exits.ts';
import type { ContainerParts } from './container-parts.ts';
import { handlerOf } from './handler-of.ts';
import { signalNumber } from './stop-signal.ts';

const sigkill = 9;
const sigterm = 15;
/** How long the stand-in of a killed container may take to learn of its end. */
const guestEndMs = 5000;
/** How often a stop looks whether another one has shortened the grace period. */
const shortenCheckMs = 200;

/**
 * Ends a container; afterwards its exit is recorded and no process of it is left. A container that has ended, or that nobody knows, is success
 * (CRI). Several stops of one container join: a later one can shorten the grace period but not lengthen it.
 * `deadline-exceeded` when even SIGKILL does not end it; the stop can then be repeated.
 */
export async function stopContainer(
  parts: ContainerParts,
  idOrPrefix: string,
  graceSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  const container = parts.containers.find(idOrPrefix);
  if (container === undefined) return;
  if (container.status.state !== 'exited') await endContainer(parts, container, graceSeconds, signal);
  // With a pid namespace of its own nothing outlives the init; else the rest is killed by the cgroup. What the runtime keeps of
  // a container in its pod's kernel goes before that ends: later there is nobody to clear up what it shares with it.
  if (!container.metadata.ownPidNamespace || container.metadata.hasStandIn)
    await parts.locks.run(container.id, () => releaseContainer(parts, container));
}

async function endContainer(
  parts: ContainerParts,
  container: Container,
  graceSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  const isFirst = container.killAtMs === undefined;
  // A created container has no process that could end by itself.
  const graceMs = container.status.state === 'running' ? Math.max(0, graceSeconds) * 1000 : 0;
  container.killAtMs = Math.min(container.killAtMs ?? Number.POSITIVE_INFINITY, monotonicMs() + graceMs);
  if (isFirst && graceMs > 0) {
    await thaw(parts, container);
    await signalInit(parts, container, signalNumber(container.metadata.stopSignal) ?? sigterm);
  }
  if (!(await endsInGrace(container, signal))) await killContainer(parts, container, signal);
  parts.logger.info({ containerId: container.id }, 'stopped container');
}

/**
 * Sends SIGKILL and waits until the exit is recorded; `deadline-exceeded` after `killWaitMs`, which is longer than anything but a process
 * in uninterruptible sleep needs.
 */
export async function killContainer(
  parts: ContainerParts,
  container: Container,
  signal: AbortSignal,
): Promise<void> {
  const { killWaitMs } = parts.defaults;
  await thaw(parts, container);
  if (await killInGuest(parts, container, signal)) return;
  await signalInit(parts, container, sigkill);
  if (await endsWithin(container, killWaitMs, signal)) return;
  const text = `container "${container.id}" (pid ${container.status.pid}) has not ended ${killWaitMs / 1000} s after SIGKILL`;
  throw new DaemonError(
    'deadline-exceeded',
    `${text}; a process in uninterruptible sleep holds it, stop it again later`,
  );
}

/**
 * Lets a container go on that somebody has paused, or a runtime that was killed at its work has left frozen: on cgroup v1 not even
 * SIGKILL ends it, and on v2 it would end without having heard of the stop.
 */
async function thaw(parts: ContainerParts, { id, metadata, status }: Container): Promise<void> {
  if (!(await parts.cgroups.isFrozen({ pid: status.pid, containerId: id }))) return;
  parts.logger.info({ containerId: id }, 'resuming a paused container for its stop');
  await handlerOf(parts, metadata)
    .runtime.resume(id)
    .catch((cause: unknown) => {
      const error = describeError(cause);
      parts.logger.warn({ containerId: id, error }, 'cannot resume a paused container for its stop');
    });
}

/**
 * Kills what a stand-in stands for, and says whether it has ended with its own code; one that was not started is nothing yet.
 * Whatever comes of it, the stand-in can be killed then: the runtime's `delete` ends the rest.
 */
async function killInGuest(
  parts: ContainerParts,
  { id, metadata, status, exited }: Container,
  signal: AbortSignal,
): Promise<boolean> {
  if (!metadata.hasStandIn || status.state !== 'running') return false;
  try {
    await handlerOf(parts, metadata).runtime.kill(id, sigkill, { all: true });
  } catch (cause) {
    parts.logger.warn(
      { containerId: id, error: describeError(cause) },
      'cannot kill a container by its runtime',
    );
    return false;
  }
  return endsWithin({ exited }, guestEndMs, signal);
}

/** By the monitor, which holds a handle of the process; by the OCI runtime when the monitor does not answer. */
async function signalInit(parts: ContainerParts, container: Container, signalNumber: number): Promise<void> {
  const { runtime, features } = handlerOf(parts, container.metadata);
  // Its init is for the host the kernel that it runs in, or what stands for it.
  if (features.kernelPerPod && signalNumber !== sigkill)
    return runtime.kill(container.id, signalNumber, { all: false });
  try {
    await parts.monitors.signal(container.id, signalNumber);
  } catch (cause) {
    const error = describeError(cause);
    parts.logger.warn({ containerId: container.id, error }, 'cannot signal a container by its monitor');
    await runtime.kill(container.id, signalNumber, { all: false });
  }
}

async function endsInGrace(container: Container, signal: AbortSignal): Promise<boolean> {
  for (;;) {
    const leftMs = (container.killAtMs ?? 0) - monotonicMs();
    if (leftMs <= 0) return container.status.state === 'exited';
    if (await endsWithin(container, Math.min(leftMs, shortenCheckMs), signal)) return true;
  }
}

async function endsWithin(
  container: Pick<Container, 'exited'>,
  limitMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const timer = new AbortController();
  const either = AbortSignal.any([timer.signal, signal]);
  try {
    return await Promise.race([
      container.exited.then(() => true),
      sleep(limitMs, false, { signal: either }).catch((cause: unknown) => {
        signal.throwIfAborted();
        throw cause;
      }),
    ]);
  } finally {
    timer.abort();
  }
}
