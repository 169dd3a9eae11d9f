import { isIP } from 'node:net';
import { DaemonError } from '../../errors/daemon-error.ts';
import type { PortMapping } from '../../network/pod-network.ts';
import type { DnsConfig, SandboxConfig, SandboxMetadata } from '../../sandbox/sandbox-config.ts';
import type { DNSConfig__Output } from '../gen/runtime/v1/DNSConfig.ts';
import type { PodSandboxConfig__Output } from '../gen/runtime/v1/PodSandboxConfig.ts';
import type { PodSandboxMetadata__Output } from '../gen/runtime/v1/PodSandboxMetadata.ts';
import type { PortMapping__Output } from '../gen/runtime/v1/PortMapping.ts';
import { accountId, fromEnum, nonEmpty, optionalAccountId, required, singleLine } from './fields.ts';
import { namespaceOptions } from './namespace-options.ts';
import { resourcesFromMessage } from './resources.ts';
import { securityProfile, selinuxOptions } from './security-profile.ts';

/** The request for a sandbox in our words; throws `invalid-argument` with the name of the field at fault. */
export function sandboxConfig(message: PodSandboxConfig__Output | null | undefined): SandboxConfig {
  const config = required(message, 'config');
  const linux = config.linux;
  const context = linux?.securityContext;
  const where = 'config.linux.security_context';
  return {
    metadata: sandboxMetadata(config.metadata),
    hostname: hostname(config.hostname),
    logDirectory: logDirectory(config.logDirectory),
    dns: dnsConfig(config.dnsConfig),
    portMappings: config.portMappings.flatMap(portMapping),
    labels: config.labels,
    annotations: config.annotations,
    cgroupParent: linux?.cgroupParent ?? '',
    sysctls: linux?.sysctls ?? {},
    namespaces: namespaceOptions(context?.namespaceOptions, `${where}.namespace_options`),
    privileged: context?.privileged ?? false,
    selinux: selinuxOptions(context?.selinuxOptions),
    seccomp: securityProfile(context?.seccomp, context?.seccompProfilePath ?? '', `${where}.seccomp`),
    runAsUser: optionalAccountId(context?.runAsUser, `${where}.run_as_user`),
    runAsGroup: optionalAccountId(context?.runAsGroup, `${where}.run_as_group`),
    supplementalGroups: (context?.supplementalGroups ?? []).map((id) =>
      accountId(id, `${where}.supplemental_groups`),
    ),
    readonlyRootfs: context?.readonlyRootfs ?? false,
    overhead: linux?.overhead ? resourcesFromMessage(linux.overhead, 'config.linux.overhead') : undefined,
    resources: linux?.resources ? resourcesFromMessage(linux.resources, 'config.linux.resources') : undefined,
  };
}

/** The four parts of a sandbox's identity; the kubelet and its client refuse a status in which one is empty. */
function sandboxMetadata(message: PodSandboxMetadata__Output | null | undefined): SandboxMetadata {
  const metadata = required(message, 'config.metadata');
  return {
    name: nonEmpty(metadata.name, 'config.metadata.name'),
    uid: nonEmpty(metadata.uid, 'config.metadata.uid'),
    namespace: nonEmpty(metadata.namespace, 'config.metadata.namespace'),
    attempt: metadata.attempt,
  };
}

// 64 is the kernel's __NEW_UTS_LEN.
function hostname(text: string): string {
  if (!/^[A-Za-z0-9._-]{0,64}$/.test(text)) {
    throw new DaemonError('invalid-argument', `config.hostname ${JSON.stringify(text)} is not a host name`);
  }
  return text;
}

function logDirectory(path: string): string {
  singleLine(path, 'config.log_directory');
  if (path !== '' && (!path.startsWith('/') || path.split('/').includes('..'))) {
    throw new DaemonError(
      'invalid-argument',
      `config.log_directory ${JSON.stringify(path)} is not an absolute path`,
    );
  }
  return path;
}

function dnsConfig(message: DNSConfig__Output | null | undefined): DnsConfig | undefined {
  if (message === null || message === undefined) return undefined;
  const lines = (items: readonly string[], name: string) =>
    items.map((item) => singleLine(item, `config.dns_config.${name}`));
  return {
    servers: lines(message.servers, 'servers'),
    searches: lines(message.searches, 'searches'),
    options: lines(message.options, 'options'),
  };
}

const protocols = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const;

/** Host port 0 maps nothing: the kubelet sends each container port. */
function portMapping(message: PortMapping__Output): readonly PortMapping[] {
  const where = 'config.port_mappings';
  const protocol = fromEnum<PortMapping['protocol']>(protocols, message.protocol, `${where}.protocol`);
  for (const port of [message.containerPort, message.hostPort]) {
    if (port < 0 || port > 65_535)
      throw new DaemonError('invalid-argument', `${where}: port ${port} is out of range`);
  }
  if (message.hostIp !== '' && (isIP(message.hostIp) === 0 || message.hostIp.includes('%'))) {
    throw new DaemonError(
      'invalid-argument',
      `${where}.host_ip ${JSON.stringify(message.hostIp)} is not an address`,
    );
  }
  if (message.hostPort === 0) return [];
  if (message.containerPort === 0) throw new DaemonError('invalid-argument', `${where}.container_port is 0`);
  const { containerPort, hostPort, hostIp } = message;
  return [{ protocol, containerPort, hostPort, hostIp }];
}
