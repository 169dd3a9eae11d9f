// The nftables rules that lead host ports to pods, as one text for `nft -f`: the kernel takes it whole or not at all.
//
// One table of our own holds everything, and each change replaces the table. So nothing of others is ever read or
// touched, and nothing of ours can be left behind by a change that was interrupted.

import { isIP } from 'node:net';
import { canonicalAddress, hostPorts, isUnspecified } from './host-port-claims.ts';
import type { HostPortRequest, PortMapping } from './pod-network.ts';

/** A pod whose host ports are mapped. */
export interface MappedPod extends HostPortRequest {
  /** The pod's addresses with prefix length, as the network gave them. */
  readonly prefixes: readonly string[];
}

/** The commands that put these pods' rules in place of all that `table` had; without pods the table is gone. */
export function hostPortRules(table: string, pods: readonly MappedPod[], guarded: readonly string[]): string {
  const removal = `add table inet ${table}\ndelete table inet ${table}\n`;
  const targets = pods.flatMap(targetsOf);
  if (targets.length === 0) return removal;
  return `${removal}table inet ${table} {
${chain('ports', targets.map(destinationRule))}
${chain('arriving', ['type nat hook prerouting priority -100;', 'fib daddr type local jump ports'])}
${chain('own', ['type nat hook output priority -100;', 'fib daddr type local jump ports'])}
${chain('leaving', ['type nat hook postrouting priority 100;', ...targets.map(sourceRule)])}
${guarded.length === 0 ? '' : chain('loopback', guardRules(guarded))}
}
`;
}

/** One mapping to one of the pod's addresses. */
interface Target {
  readonly pod: MappedPod;
  readonly mapping: PortMapping;
  readonly address: string;
  readonly prefix: string;
  readonly family: 4 | 6;
}

/** The first address of each family that the mapping's host address allows. */
function targetsOf(pod: MappedPod): Target[] {
  return hostPorts(pod).flatMap((mapping) =>
    ([4, 6] as const).flatMap((family) => {
      if (mapping.hostIp !== '' && isIP(mapping.hostIp) !== family) return [];
      const prefix = pod.prefixes.find((one) => isIP(addressOf(one)) === family);
      return prefix === undefined ? [] : [{ pod, mapping, address: addressOf(prefix), prefix, family }];
    }),
  );
}

/** Whether the pod has any rule. */
export function isMapped(pod: MappedPod): boolean {
  return targetsOf(pod).length > 0;
}

/** The mappings for which the pod has no address of the family that their host address is of. */
export function unreachablePorts(pod: MappedPod): readonly PortMapping[] {
  const served = new Set(targetsOf(pod).map(({ mapping }) => mapping));
  return hostPorts(pod).filter((mapping) => !served.has(mapping));
}

/** Whether the mapping is reached by the host's IPv4 loopback addresses. */
export function isOnLoopback({ hostIp }: PortMapping): boolean {
  return hostIp === '' || hostIp === '0.0.0.0' || (isIP(hostIp) === 4 && hostIp.startsWith('127.'));
}

function destinationRule({ pod, mapping, address, family }: Target): string {
  const { protocol, hostPort, containerPort } = mapping;
  const hostIp = canonicalAddress(mapping.hostIp);
  const isAny = hostIp === '' || isUnspecified(hostIp);
  const [word, nfproto, target] =
    family === 4
      ? ['ip', 'ipv4', `${address}:${containerPort}`]
      : ['ip6', 'ipv6', `[${address}]:${containerPort}`];
  const match = isAny ? `meta nfproto ${nfproto}` : `${word} daddr ${hostIp}`;
  return `${match} ${protocol} dport ${hostPort} dnat ${word} to ${target} comment "${commentOf(pod)}"`;
}

/**
 * A pod must see the host as the source where it would answer past it: to itself, to its neighbours on the same link, and
 * to the host's loopback address, which nobody can answer.
 */
function sourceRule({ mapping, address, prefix, family }: Target): string {
  const { protocol, hostPort, containerPort } = mapping;
  const [word, loopback] = family === 4 ? ['ip', '127.0.0.0/8'] : ['ip6', '::1'];
  const ports = `${protocol} dport ${containerPort} ct original proto-dst ${hostPort}`;
  const rule = (source: string) => `${word} saddr ${source} ${word} daddr ${address} ${ports} masquerade`;
  return `${rule(loopback)}\n    ${rule(prefix)}`;
}

/** With route_localnet a neighbour could reach what listens on the host's loopback only (CVE-2020-8558). */
function guardRules(interfaces: readonly string[]): string[] {
  const names = interfaces.map((name) => `"${name}"`).join(', ');
  return ['type filter hook prerouting priority -300;', `iifname { ${names} } ip daddr 127.0.0.0/8 drop`];
}

function chain(name: string, lines: readonly string[]): string {
  return `  chain ${name} {\n${lines.map((line) => `    ${line}`).join('\n')}\n  }`;
}

/** What an administrator reads in `nft list ruleset`; the kernel takes 128 bytes. */
function commentOf({ sandboxId, podNamespace, podName }: HostPortRequest): string {
  return `${sandboxId.slice(0, 13)} ${podNamespace}/${podName}`.slice(0, 120);
}

function addressOf(prefix: string): string {
  return prefix.split('/')[0] ?? '';
}
