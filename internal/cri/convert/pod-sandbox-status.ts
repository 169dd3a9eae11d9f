import type { NamespaceOptions, SandboxMetadata } from '../../sandbox/sandbox-config.ts';
import type { PodSandbox } from '../gen/runtime/v1/PodSandbox.ts';
import type { PodSandboxState__Output } from '../gen/runtime/v1/PodSandboxState.ts';
import type { PodSandboxStatus } from '../gen/runtime/v1/PodSandboxStatus.ts';
import { namespaceOptionsToMessage } from './namespace-options.ts';

export type SandboxState = 'ready' | 'not-ready';

const stateValues = {
  ready: 'SANDBOX_READY',
  'not-ready': 'SANDBOX_NOTREADY',
} as const satisfies Record<SandboxState, PodSandboxState__Output>;

/** The CRI's names and our states. */
export const sandboxStates: Readonly<Record<string, SandboxState>> = {
  SANDBOX_READY: 'ready',
  SANDBOX_NOTREADY: 'not-ready',
};

/** What the messages say of a sandbox. */
export interface SandboxView {
  readonly id: string;
  readonly metadata: SandboxMetadata;
  readonly state: SandboxState;
  readonly createdAtNanos: bigint;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly runtimeHandler: string;
  readonly namespaces: NamespaceOptions;
  /** Primary address first; not looked at for a pod on the host's network. */
  readonly ips: readonly string[];
}

/** An item of ListPodSandbox. Labels and annotations go back as they came: they are the kubelet's database. */
export function podSandboxItem(view: SandboxView): PodSandbox {
  return {
    id: view.id,
    metadata: { ...view.metadata },
    state: stateValues[view.state],
    createdAt: view.createdAtNanos.toString(),
    labels: { ...view.labels },
    annotations: { ...view.annotations },
    runtimeHandler: view.runtimeHandler,
  };
}

/**
 * The status of a sandbox. `network` is unset on the host's network (the kubelet then takes the node's addresses); set
 * without an address on any other pod it makes the kubelet kill the sandbox, which is right only when there is none.
 */
export function podSandboxStatus(view: SandboxView): PodSandboxStatus {
  const [ip = '', ...additional] = view.ips;
  return {
    ...podSandboxItem(view),
    network:
      view.namespaces.network === 'node'
        ? null
        : { ip, additionalIps: additional.map((other) => ({ ip: other })) },
    linux: { namespaces: { options: namespaceOptionsToMessage(view.namespaces) } },
  };
}
