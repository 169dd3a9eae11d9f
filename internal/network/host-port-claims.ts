// Which host ports are spoken for: two pods on one address and port would silently take each other's traffic.

import { isIP } from 'node:net';
import { DaemonError } from '../errors/daemon-error.ts';
import type { HostPortRequest, PortMapping } from './pod-network.ts';

export class HostPortClaims {
  readonly #claims = new Map<string, HostPortRequest>();

  /**
   * Claims the request's host ports for its sandbox; all or none. `invalid-argument` when the request contradicts itself,
   * `failed-precondition` when another sandbox has one of them, named by the message.
   */
  claim(request: HostPortRequest): void {
    const mappings = hostPorts(request);
    if (mappings.length === 0) return;
    refuseContradiction(request, mappings);
    for (const other of this.#claims.values()) {
      if (other.sandboxId === request.sandboxId) continue;
      for (const wanted of mappings) refuseTaken(request, wanted, other);
    }
    this.#claims.set(request.sandboxId, request);
  }

  /** Forgets what the sandbox has claimed. Idempotent. */
  release(sandboxId: string): void {
    this.#claims.delete(sandboxId);
  }
}

/** The mappings that ask for a port of the host; CRI: host port 0 is none. */
export function hostPorts({ portMappings }: Pick<HostPortRequest, 'portMappings'>): readonly PortMapping[] {
  return portMappings.filter(({ hostPort }) => hostPort > 0);
}

/** `8080/tcp`, with its address where it has one. */
export function portText({ hostIp, hostPort, protocol }: PortMapping): string {
  return `${hostPort}/${protocol}${hostIp === '' ? '' : ` of ${hostIp}`}`;
}

function refuseContradiction(request: HostPortRequest, mappings: readonly PortMapping[]): void {
  for (const [index, mapping] of mappings.entries()) {
    const same = mappings.find(
      (other, at) => at < index && overlap(mapping, other) && other.containerPort !== mapping.containerPort,
    );
    if (same === undefined) continue;
    const targets = `${same.containerPort} and ${mapping.containerPort}`;
    throw new DaemonError(
      'invalid-argument',
      `pod "${nameOf(request)}" maps host port ${portText(mapping)} to two ports, ${targets}`,
    );
  }
}

function refuseTaken(request: HostPortRequest, wanted: PortMapping, other: HostPortRequest): void {
  if (!hostPorts(other).some((taken) => overlap(wanted, taken))) return;
  const holder = `pod "${nameOf(other)}" (sandbox "${other.sandboxId}")`;
  throw new DaemonError(
    'failed-precondition',
    `host port ${portText(wanted)} for pod "${nameOf(request)}" is taken by ${holder}: stop that one first or use another port`,
  );
}

function nameOf({ podNamespace, podName }: HostPortRequest): string {
  return `${podNamespace}/${podName}`;
}

function overlap(one: PortMapping, other: PortMapping): boolean {
  if (one.protocol !== other.protocol || one.hostPort !== other.hostPort) return false;
  if (one.hostIp === '' || other.hostIp === '') return true;
  if (isIP(one.hostIp) !== isIP(other.hostIp)) return false;
  const addresses = [canonicalAddress(one.hostIp), canonicalAddress(other.hostIp)];
  return addresses[0] === addresses[1] || addresses.some(isUnspecified);
}

/** One spelling for each address: IPv6 has many. */
export function canonicalAddress(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

/** Whether a canonical address stands for all of its family. */
export function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}
