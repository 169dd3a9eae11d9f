import type { NamespaceMode } from '../../container/container-config.ts';
import { DaemonError } from '../../errors/daemon-error.ts';
import type { NamespaceOptions } from '../../sandbox/sandbox-config.ts';
import type { NamespaceOption, NamespaceOption__Output } from '../gen/runtime/v1/NamespaceOption.ts';
import { fromEnum } from './fields.ts';
import { userNamespace, userNamespaceToMessage } from './id-mappings.ts';

const modes = {
  POD: 'pod',
  CONTAINER: 'container',
  NODE: 'node',
  TARGET: 'target',
} as const satisfies Record<string, NamespaceMode>;
const messageModes = { pod: 'POD', container: 'CONTAINER', node: 'NODE', target: 'TARGET' } as const;
const { TARGET: _, ...ipcModes } = modes;
const networkModes = { POD: 'pod', NODE: 'node' } as const;

/** The namespaces of a message; one that is not there means POD for all three (critest relies on it). */
export function namespaceOptions(
  message: NamespaceOption__Output | null | undefined,
  field: string,
): NamespaceOptions {
  if (message === null || message === undefined) {
    return { network: 'pod', pid: 'pod', ipc: 'pod', targetId: '' };
  }
  const pid = fromEnum<NamespaceMode>(modes, message.pid, `${field}.pid`);
  if (pid === 'target' && message.targetId === '') {
    throw new DaemonError('invalid-argument', `${field}.target_id is empty for pid mode TARGET`);
  }
  return {
    network: fromEnum<NamespaceMode>(networkModes, message.network, `${field}.network`),
    pid,
    ipc: fromEnum<NamespaceMode>(ipcModes, message.ipc, `${field}.ipc`),
    targetId: message.targetId,
    ...userNamespace(message.usernsOptions, `${field}.userns_options`),
  };
}

/** The echo in PodSandboxStatus: the kubelet makes a sandbox anew when `network` differs from the pod's. */
export function namespaceOptionsToMessage(options: NamespaceOptions): NamespaceOption {
  return {
    network: messageModes[options.network],
    pid: messageModes[options.pid],
    ipc: messageModes[options.ipc],
    targetId: options.targetId,
    usernsOptions: userNamespaceToMessage(options.idMaps),
  };
}
