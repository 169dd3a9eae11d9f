// A registry must not send us to addresses of the node itself or of the cloud's metadata service: neither by the realm
// of a challenge nor by a redirect, unless the registry itself lives there.

import { BlockList, isIP } from 'node:net';
import type { Origin } from './origin.ts';

const inward = new BlockList();
inward.addSubnet('127.0.0.0', 8, 'ipv4');
inward.addSubnet('169.254.0.0', 16, 'ipv4');
inward.addAddress('0.0.0.0', 'ipv4');
inward.addAddress('::1', 'ipv6');
inward.addAddress('::', 'ipv6');
inward.addSubnet('fe80::', 10, 'ipv6');

/** True for loopback and link-local addresses and for the names of the loopback. */
export function isInwardHost(hostname: string): boolean {
  const name = hostname.replace(/^\[|\]$|\.$/g, '').toLowerCase();
  const version = isIP(name);
  if (version === 0) return name === 'localhost' || name.endsWith('.localhost');
  return inward.check(name, version === 6 ? 'ipv6' : 'ipv4');
}

/**
 * Why a registry may not send us to `target`, or undefined when it may: never from https to http, unless it is marked
 * insecure, and never from elsewhere to an inward host.
 */
export function refusalOf(
  target: URL,
  { url: from, insecure }: Pick<Origin, 'url' | 'insecure'>,
): string | undefined {
  if (target.protocol !== 'https:' && target.protocol !== 'http:')
    return 'an address that is not http or https';
  if (target.protocol === 'http:' && from.protocol === 'https:' && !insecure) return 'an address without TLS';
  if (isInwardHost(target.hostname) && !isInwardHost(from.hostname)) return 'an address of this node';
  return undefined;
}
