// A sandbox's attachment to the pod network.

import { parseKubernetesQuantity } from '../config/quantities.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import type { PinnedNamespaces } from '../namespaces/namespace-pinner.ts';
import type { DetachOutcome, NetworkRequest } from '../network/pod-network.ts';
import type { SandboxRecord } from './sandbox.ts';
import type { SandboxParts } from './sandbox-parts.ts';

/** DEL runs without the request's signal: it has this time. */
const detachTimeoutMs = 90_000;

/** Speaks for the pod's host ports, before there is anything of it. A pod on the host's network maps none. */
export function claimHostPorts(parts: SandboxParts, { id, config }: SandboxRecord): void {
  if (config.namespaces.network === 'node') return;
  const { metadata, portMappings } = config;
  const { name: podName, namespace: podNamespace } = metadata;
  parts.network.claimHostPorts({ sandboxId: id, podName, podNamespace, portMappings });
}

/** Attaches the pod; returns its addresses, primary first. */
export async function attachNetwork(
  parts: SandboxParts,
  record: SandboxRecord,
  namespaces: PinnedNamespaces,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const request = { ...networkRequest(record, namespaces), ...bandwidthOf(record.config.annotations) };
  const result = await parts.network.attach(request, signal);
  if (result.ips.length === 0) {
    const text = `network "${result.networkName}" gave sandbox "${record.id}" no IP address`;
    throw new DaemonError('unavailable', `${text}; check the ipam section of its CNI configuration`);
  }
  return result.ips;
}

/** Detaches the pod; its namespaces may go when it is `released`, else the network unpins them later. Idempotent. */
export async function detachNetwork(
  parts: SandboxParts,
  record: SandboxRecord,
  namespaces: PinnedNamespaces,
): Promise<DetachOutcome> {
  return parts.network.detach(networkRequest(record, namespaces), AbortSignal.timeout(detachTimeoutMs));
}

/** Detaches a pod of which only the id is known. The network's own record of the pod says the rest. Idempotent. */
export async function detachById(parts: SandboxParts, sandboxId: string): Promise<DetachOutcome> {
  return parts.network.abandon(sandboxId, AbortSignal.timeout(detachTimeoutMs));
}

/** Without the rates: nothing that a pod's author writes may stand in the way of a detach, and DEL does not need them. */
function networkRequest(record: SandboxRecord, namespaces: PinnedNamespaces): NetworkRequest {
  const { metadata, portMappings } = record.config;
  return {
    sandboxId: record.id,
    netnsPath: namespaces.network ?? '',
    podName: metadata.name,
    podNamespace: metadata.namespace,
    podUid: metadata.uid,
    portMappings,
    ingressBitsPerSecond: undefined,
    egressBitsPerSecond: undefined,
    cgroupPath: record.cgroupParent,
    podAnnotations: record.config.annotations,
  };
}

/** The rates that the pod's annotations ask for; `invalid-argument` for one that is not a quantity. */
export function bandwidthOf(
  annotations: Readonly<Record<string, string>>,
): Pick<NetworkRequest, 'ingressBitsPerSecond' | 'egressBitsPerSecond'> {
  return {
    ingressBitsPerSecond: bandwidth(annotations, 'kubernetes.io/ingress-bandwidth'),
    egressBitsPerSecond: bandwidth(annotations, 'kubernetes.io/egress-bandwidth'),
  };
}

/** Reads a Kubernetes quantity of bits per second; between 1k and 1P, as the kubelet's own network plugins ask. */
function bandwidth(annotations: Readonly<Record<string, string>>, key: string): bigint | undefined {
  const text = annotations[key];
  if (text === undefined) return undefined;
  const bits = parseKubernetesQuantity(text) ?? 0n;
  if (bits < 1000n || bits > 1000n ** 5n) {
    const found = `annotation ${key} is ${JSON.stringify(text)}`;
    throw new DaemonError(
      'invalid-argument',
      `${found}, expected a quantity between 1k and 1P such as "10M"`,
    );
  }
  return bits;
}
