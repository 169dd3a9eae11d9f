import type {
  ContainerConfig,
  ContainerMetadata,
  ContainerMount,
  ContainerSecurity,
} from '../../container/container-config.ts';
import { DaemonError } from '../../errors/daemon-error.ts';
import type { ContainerConfig__Output } from '../gen/runtime/v1/ContainerConfig.ts';
import type { ContainerMetadata__Output } from '../gen/runtime/v1/ContainerMetadata.ts';
import type { KeyValue__Output } from '../gen/runtime/v1/KeyValue.ts';
import type { LinuxContainerSecurityContext__Output } from '../gen/runtime/v1/LinuxContainerSecurityContext.ts';
import type { Mount__Output } from '../gen/runtime/v1/Mount.ts';
import { accountId, fromEnum, nonEmpty, optionalAccountId, required, singleLine } from './fields.ts';
import { mountIdMaps } from './id-mappings.ts';
import { namespaceOptions } from './namespace-options.ts';
import { resourcesFromMessage } from './resources.ts';
import { securityProfile, selinuxOptions } from './security-profile.ts';
import { stopSignal } from './stop-signal.ts';

/** The request for a container in our words; throws `invalid-argument` with the name of the field at fault. */
export function containerConfig(message: ContainerConfig__Output | null | undefined): ContainerConfig {
  const config = required(message, 'config');
  const image = required(config.image, 'config.image');
  return {
    metadata: containerMetadata(config.metadata),
    image: nonEmpty(image.image, 'config.image.image'),
    userSpecifiedImage: image.userSpecifiedImage,
    command: config.command,
    args: config.args,
    workingDir: config.workingDir,
    envs: config.envs.map(environmentVariable),
    mounts: config.mounts.map(mount),
    devices: config.devices.map(({ containerPath, hostPath, permissions }) => ({
      containerPath: nonEmpty(containerPath, 'config.devices.container_path'),
      hostPath: nonEmpty(hostPath, 'config.devices.host_path'),
      permissions,
    })),
    cdiDevices: config.CDIDevices.map(({ name }) => nonEmpty(name, 'config.CDI_devices.name')),
    labels: config.labels,
    annotations: config.annotations,
    logPath: logPath(config.logPath),
    stdin: config.stdin,
    stdinOnce: config.stdinOnce,
    tty: config.tty,
    stopSignal: stopSignal(config.stopSignal),
    resources: resourcesFromMessage(config.linux?.resources, 'config.linux.resources'),
    security: containerSecurity(config.linux?.securityContext),
  };
}

function containerMetadata(message: ContainerMetadata__Output | null | undefined): ContainerMetadata {
  const metadata = required(message, 'config.metadata');
  return { name: nonEmpty(metadata.name, 'config.metadata.name'), attempt: metadata.attempt };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Values are bytes in the CRI, but text in the OCI spec's JSON: what is not UTF-8 would silently change there. */
function environmentVariable({ key, value }: KeyValue__Output): ContainerConfig['envs'][number] {
  try {
    return { key, value: utf8.decode(value) };
  } catch {
    throw new DaemonError(
      'invalid-argument',
      `config.envs: the value of ${JSON.stringify(key)} is not UTF-8`,
    );
  }
}

const propagations = {
  PROPAGATION_PRIVATE: 'private',
  PROPAGATION_HOST_TO_CONTAINER: 'host-to-container',
  PROPAGATION_BIDIRECTIONAL: 'bidirectional',
} as const;

function mount(message: Mount__Output): ContainerMount {
  const image = message.image?.image ?? '';
  if (image === '') nonEmpty(message.hostPath, 'config.mounts.host_path');
  return {
    containerPath: nonEmpty(message.containerPath, 'config.mounts.container_path'),
    hostPath: message.hostPath,
    readonly: message.readonly,
    recursiveReadOnly: message.recursiveReadOnly,
    selinuxRelabel: message.selinuxRelabel,
    propagation: fromEnum<ContainerMount['propagation']>(
      propagations,
      message.propagation,
      'config.mounts.propagation',
    ),
    image,
    imageSubPath: message.imageSubPath,
    ...mountIdMaps(message.uidMappings, message.gidMappings, 'config.mounts'),
  };
}

/** Relative, and still below the sandbox's log directory when joined to it; empty means no log. */
function logPath(path: string): string {
  singleLine(path, 'config.log_path');
  if (path.startsWith('/') || path.split('/').includes('..')) {
    throw new DaemonError(
      'invalid-argument',
      `config.log_path ${JSON.stringify(path)} does not stay below the log directory`,
    );
  }
  return path;
}

const groupPolicies = { Merge: 'merge', Strict: 'strict' } as const;

function containerSecurity(
  message: LinuxContainerSecurityContext__Output | null | undefined,
): ContainerSecurity {
  const where = 'config.linux.security_context';
  const { network, pid, ipc, targetId, idMaps } = namespaceOptions(
    message?.namespaceOptions,
    `${where}.namespace_options`,
  );
  return {
    addCapabilities: message?.capabilities?.addCapabilities ?? [],
    dropCapabilities: message?.capabilities?.dropCapabilities ?? [],
    addAmbientCapabilities: message?.capabilities?.addAmbientCapabilities ?? [],
    privileged: message?.privileged ?? false,
    pidMode: pid,
    networkMode: network,
    ipcMode: ipc,
    targetId,
    ...(idMaps !== undefined && { idMaps }),
    runAsUser: optionalAccountId(message?.runAsUser, `${where}.run_as_user`),
    runAsGroup: optionalAccountId(message?.runAsGroup, `${where}.run_as_group`),
    runAsUsername: message?.runAsUsername ?? '',
    readonlyRootfs: message?.readonlyRootfs ?? false,
    supplementalGroups: (message?.supplementalGroups ?? []).map((id) =>
      accountId(id, `${where}.supplemental_groups`),
    ),
    supplementalGroupsPolicy: fromEnum<ContainerSecurity['supplementalGroupsPolicy']>(
      groupPolicies,
      message?.supplementalGroupsPolicy ?? 'Merge',
      `${where}.supplemental_groups_policy`,
    ),
    noNewPrivs: message?.noNewPrivs ?? false,
    maskedPaths: message?.maskedPaths ?? [],
    readonlyPaths: message?.readonlyPaths ?? [],
    seccomp: securityProfile(message?.seccomp, message?.seccompProfilePath ?? '', `${where}.seccomp`),
    apparmor: securityProfile(message?.apparmor, message?.apparmorProfile ?? '', `${where}.apparmor`),
    selinux: selinuxOptions(message?.selinuxOptions),
  };
}
