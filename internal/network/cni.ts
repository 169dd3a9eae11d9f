// The operations of the CNI specification on a chain of plugins.

import { DaemonError } from '../errors/daemon-error.ts';
import type { NetworkConfig, PluginConfig } from './cni-config.ts';
import { isAtLeast } from './cni-config.ts';
import type { CniCommand, PluginRunner } from './cni-plugin.ts';
import { cniArgs, executionConfig, networkConfigOf, podInterface } from './cni-request.ts';
import type { CniResult } from './cni-result.ts';
import type { NetworkRequest } from './pod-network.ts';

const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** What a plugin gets for DEL when those before it have used up the time: enough to release what it holds. */
const leastDelMs = 5000;

export interface Attachment {
  readonly network: NetworkConfig;
  readonly request: NetworkRequest;
  /** Empty when the namespace is gone; the specification allows that for DEL. */
  readonly netnsPath: string;
}

/**
 * Runs ADD of every plugin in order, each with the result of the one before, within `timeoutMs` altogether.
 *
 * `onResult` is told each plugin's result: what an undo of a chain that fails later can hand to DEL.
 */
export async function addChain(
  plugins: PluginRunner,
  attachment: Attachment,
  options: { readonly timeoutMs: number; readonly onResult: (result: CniResult) => void },
  signal: AbortSignal,
): Promise<CniResult> {
  const deadline = performance.now() + options.timeoutMs;
  let result: CniResult | undefined;
  for (const plugin of attachment.network.plugins) {
    const timeoutMs = Math.max(deadline - performance.now(), 1);
    const call = callOf('ADD', attachment, plugin, result);
    const answer = await plugins.run({ ...call, timeoutMs }, signal);
    if (answer === undefined)
      throw new DaemonError(
        'internal',
        `${call.subject}: ADD of CNI plugin "${plugin.type}" printed no result`,
      );
    result = { cniVersion: attachment.network.cniVersion, ...answer };
    options.onResult(result);
  }
  if (result === undefined)
    throw new DaemonError('internal', `network "${attachment.network.name}" has no plugin`);
  return result;
}

/**
 * Runs DEL of every plugin in reverse order, also after one that failed, so that as much as possible is released;
 * then rejects with the first failure.
 */
export async function delChain(
  plugins: PluginRunner,
  attachment: Attachment,
  options: { readonly timeoutMs: number; readonly result: CniResult | undefined },
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  // before 0.4.0 DEL had no prevResult
  const prevResult = isAtLeast(attachment.network.cniVersion, '0.4.0') ? options.result : undefined;
  const failures: unknown[] = [];
  for (const plugin of attachment.network.plugins.toReversed()) {
    const timeoutMs = Math.max(deadline - performance.now(), Math.min(leastDelMs, options.timeoutMs));
    const call = callOf('DEL', attachment, plugin, prevResult);
    await plugins.run({ ...call, timeoutMs }, signal).catch((cause: unknown) => failures.push(cause));
  }
  if (failures.length > 0) throw failures[0];
}

/** Runs CHECK of every plugin in order; nothing when the network's version has no CHECK (before 0.4.0) or disables it. */
export async function checkChain(
  plugins: PluginRunner,
  attachment: Attachment,
  options: { readonly timeoutMs: number; readonly result: CniResult },
  signal: AbortSignal,
): Promise<void> {
  const { network } = attachment;
  if (network.disableCheck || !isAtLeast(network.cniVersion, '0.4.0')) return;
  const deadline = performance.now() + options.timeoutMs;
  for (const plugin of network.plugins) {
    const timeoutMs = Math.max(deadline - performance.now(), 1);
    await plugins.run({ ...callOf('CHECK', attachment, plugin, options.result), timeoutMs }, signal);
  }
}

/** Whether the plugins of this network are asked this; from version 1.1. */
export function hasVerb({ cniVersion, disableGc }: NetworkConfig, verb: 'STATUS' | 'GC'): boolean {
  return isAtLeast(cniVersion, '1.1.0') && !(verb === 'GC' && disableGc);
}

/** Runs STATUS of every plugin in order; rejects with the words of the first that cannot serve pods. */
export async function statusChain(
  plugins: PluginRunner,
  network: NetworkConfig,
  options: { readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  for (const plugin of network.plugins) {
    const timeoutMs = Math.max(deadline - performance.now(), 1);
    await plugins.run({ ...networkCallOf('STATUS', network, plugin, {}), timeoutMs }, signal);
  }
}

/** An attachment by the names that plugins have got. */
export interface ValidAttachment {
  readonly containerID: string;
  readonly ifname: string;
}

/** Runs GC of every plugin, also after one that failed; then rejects with the first failure. */
export async function gcChain(
  plugins: PluginRunner,
  network: NetworkConfig,
  options: { readonly timeoutMs: number; readonly valid: readonly ValidAttachment[] },
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  // The specification had the second name for a while: to a plugin that reads it, a missing list would mean that nothing is valid.
  const fields = { 'cni.dev/valid-attachments': options.valid, 'cni.dev/attachments': options.valid };
  const failures: unknown[] = [];
  for (const plugin of network.plugins) {
    const timeoutMs = Math.max(deadline - performance.now(), 1);
    const call = networkCallOf('GC', network, plugin, fields);
    await plugins.run({ ...call, timeoutMs }, signal).catch((cause: unknown) => failures.push(cause));
  }
  if (failures.length > 0) throw failures[0];
}

/** A call about the network itself, not about a pod. */
function networkCallOf(
  command: 'STATUS' | 'GC',
  network: NetworkConfig,
  plugin: PluginConfig,
  fields: object,
) {
  return {
    command,
    plugin: plugin.type,
    subject: `network "${network.name}"`,
    stdin: { ...networkConfigOf(network, plugin), ...fields },
    environment: { PATH: process.env['PATH'] ?? searchPath },
  };
}

function callOf(
  command: CniCommand,
  { network, request, netnsPath }: Attachment,
  plugin: PluginConfig,
  prevResult: CniResult | undefined,
) {
  return {
    command,
    plugin: plugin.type,
    subject: `network "${network.name}" of pod "${request.podNamespace}/${request.podName}"`,
    stdin: executionConfig(network, plugin, request, prevResult),
    environment: {
      CNI_CONTAINERID: request.sandboxId,
      CNI_NETNS: netnsPath,
      CNI_IFNAME: podInterface,
      CNI_ARGS: cniArgs(request),
      PATH: process.env['PATH'] ?? searchPath, // for iptables, modprobe and the like
    },
  };
}
