// What the runtime tells the plugins about a pod: CNI_ARGS and the runtimeConfig of the capabilities they declare.

import { DaemonError } from '../errors/daemon-error.ts';
import type { NetworkConfig, PluginConfig } from './cni-config.ts';
import { hostPorts } from './host-port-claims.ts';
import type { NetworkRequest } from './pod-network.ts';

/** The interface that every plugin of the pod's network makes or works on. */
export const podInterface = 'eth0';

/** The capability by which CRI-O and containerd hand a pod's annotations to plugins. */
export const annotationsCapability = 'io.kubernetes.cri.pod-annotations';

/** CNI_CONTAINERID by the specification; Kubernetes names and uids fit the same form. */
const plainName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** The largest burst that the bandwidth plugin takes, in bits: its limit is 2^32 - 1 bytes. */
const unlimitedBurstBits = (2 ** 32 - 1) * 8 - 1;

/** Whether a sandbox id is one that `validateRequest` lets through. */
export function isPlainName(sandboxId: string): boolean {
  return plainName.test(sandboxId);
}

/** Throws `invalid-argument` for values that plugins would misread: CNI_ARGS is one string of `key=value;` pairs. */
export function validateRequest(request: NetworkRequest): void {
  const { sandboxId, podName, podNamespace, podUid } = request;
  if (!plainName.test(sandboxId)) throw invalid(`sandbox id ${JSON.stringify(sandboxId)}`);
  for (const [what, value] of Object.entries({ name: podName, namespace: podNamespace, uid: podUid })) {
    if (value !== '' && !plainName.test(value))
      throw invalid(`pod ${what} ${JSON.stringify(value)} of sandbox "${sandboxId}"`);
  }
  for (const rate of [request.ingressBitsPerSecond, request.egressBitsPerSecond]) {
    if (rate !== undefined && (rate <= 0n || rate > BigInt(Number.MAX_SAFE_INTEGER)))
      throw invalid(`bandwidth ${rate} bit/s of sandbox "${sandboxId}"`);
  }
}

function invalid(what: string): DaemonError {
  return new DaemonError('invalid-argument', `${what} cannot be passed to network plugins`);
}

/** The value of CNI_ARGS; IgnoreUnknown lets plugins accept keys that they do not know. */
export function cniArgs(request: NetworkRequest): string {
  return [
    'IgnoreUnknown=1',
    `K8S_POD_NAMESPACE=${request.podNamespace}`,
    `K8S_POD_NAME=${request.podName}`,
    `K8S_POD_INFRA_CONTAINER_ID=${request.sandboxId}`,
    `K8S_POD_UID=${request.podUid}`,
  ].join(';');
}

/** The plugin's own part of the network's configuration, as plugins get it. */
export function networkConfigOf(network: NetworkConfig, plugin: PluginConfig): Record<string, unknown> {
  const { capabilities: _, ...fields } = plugin.fields; // the specification: must not be in the execution configuration
  return { ...fields, name: network.name, cniVersion: network.cniVersion };
}

/** The object that a plugin reads on stdin for a pod. */
export function executionConfig(
  network: NetworkConfig,
  plugin: PluginConfig,
  request: NetworkRequest,
  prevResult: object | undefined,
): Record<string, unknown> {
  const offered = Object.entries(runtimeCapabilities(request));
  const runtimeConfig = Object.fromEntries(offered.filter(([name]) => plugin.capabilities.has(name)));
  return {
    ...networkConfigOf(network, plugin),
    ...(Object.keys(runtimeConfig).length === 0 ? {} : { runtimeConfig }),
    ...(prevResult === undefined ? {} : { prevResult }),
  };
}

/** Everything we can offer for this pod, by the well-known names of the CNI conventions and of the CRI's runtimes. */
function runtimeCapabilities(request: NetworkRequest): Record<string, unknown> {
  const portMappings = hostPorts(request).map(({ protocol, containerPort, hostPort, hostIp }) => ({
    protocol,
    containerPort,
    hostPort,
    ...(hostIp === '' ? {} : { hostIP: hostIp }),
  }));
  const bandwidth = {
    ...rate('ingress', request.ingressBitsPerSecond),
    ...rate('egress', request.egressBitsPerSecond),
  };
  return {
    ...(portMappings.length === 0 ? {} : { portMappings }),
    ...(Object.keys(bandwidth).length === 0 ? {} : { bandwidth }),
    ...(request.cgroupPath === undefined ? {} : { cgroupPath: request.cgroupPath }),
    ...(request.podAnnotations === undefined ? {} : { [annotationsCapability]: request.podAnnotations }),
  };
}

function rate(direction: 'ingress' | 'egress', bitsPerSecond: bigint | undefined): Record<string, number> {
  if (bitsPerSecond === undefined) return {};
  return { [`${direction}Rate`]: Number(bitsPerSecond), [`${direction}Burst`]: unlimitedBurstBits };
}
