// What the network does by itself, at the start and hourly: it releases what nobody knows, and writes again what others may
// have flushed.

import { describeError } from '../errors/daemon-error.ts';
import { attachmentsOfOthers } from './attachments-of-others.ts';
import { gcChain, hasVerb } from './cni.ts';
import { podInterface } from './cni-request.ts';
import type { NetworkParts } from './network-parts.ts';
import type { PodReleases } from './pod-releases.ts';

const periodMs = 60 * 60_000;
/** A firewall that is started again flushes everybody's rules; with ours goes what keeps neighbours from the loopback. */
const repairPeriodMs = 10_000;
/** Pods that start wait for it. */
const gcTimeoutMs = 30_000;

/** Starts now, and again every hour, with a look after flushed rules more often, until `signal` aborts. `isKnown` tells which sandboxes there are. */
export function keepUp(
  parts: NetworkParts,
  releases: PodReleases,
  isKnown: (sandboxId: string) => boolean,
  signal: AbortSignal,
): void {
  const once = (): Promise<void> =>
    upkeep(parts, releases, isKnown, signal).catch((cause: unknown) => {
      if (signal.aborted) return;
      parts.log.warn(
        { error: describeError(cause) },
        'cannot clean up the pod network; tried again in an hour',
      );
    });
  const timers = [
    setInterval(() => void once(), periodMs).unref(),
    setInterval(() => void parts.hostPorts.repair(), repairPeriodMs).unref(),
  ];
  const end = (): void => {
    for (const timer of timers) clearInterval(timer);
  };
  signal.addEventListener('abort', end, { once: true });
  void once();
}

async function upkeep(
  parts: NetworkParts,
  releases: PodReleases,
  isKnown: (sandboxId: string) => boolean,
  signal: AbortSignal,
): Promise<void> {
  await releases.releaseOrphans(isKnown);
  await parts.hostPorts.refresh();
  await collectGarbage(parts, signal);
}

/**
 * GC of the network that pods get now, with all attachments that have a record, and those that other runtimes have noted:
 * plugins release all that they are not told. One record that cannot be read is one attachment that may live: then nothing
 * is collected.
 */
export async function collectGarbage(parts: NetworkParts, signal: AbortSignal): Promise<void> {
  const { configured, records, plugins, gate, log } = parts;
  const { network, problem } = await configured.refresh();
  if (network === undefined || problem !== undefined || !hasVerb(network, 'GC')) return;
  await gate.whileClosed(async () => {
    const [ids, usable] = [await records.list(), await records.readAll()];
    if (usable.length !== ids.length) {
      log.warn({ network: network.name }, 'no GC of the pod network: the record of a sandbox is unreadable');
      return;
    }
    const own = usable.filter((record) => record.network.name === network.name);
    const valid = [
      ...own.map(({ request }) => ({ containerID: request.sandboxId, ifname: podInterface })),
      ...(await attachmentsOfOthers(network.name, parts.othersDirectory)),
    ];
    await gcChain(plugins, network, { timeoutMs: gcTimeoutMs, valid }, signal);
    log.debug(
      { network: network.name, attachments: valid.length },
      'collected the garbage of the pod network',
    );
  });
}
