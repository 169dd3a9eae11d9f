// What a chain of plugins printed: success results of the CNI specification, versions 0.1.0 to 1.1.0.

import { isIP } from 'node:net';

/** A plugin's result as it came; handed to the next plugin and kept unread but for its addresses. */
export type CniResult = Readonly<Record<string, unknown>>;

/** The pod's addresses without prefix length, in the plugins' order; throws an Error when one is not an address. */
export function addressesOf(result: CniResult): string[] {
  return [...new Set(prefixesOf(result).map((prefix) => prefix.slice(0, prefix.indexOf('/'))))];
}

/** The same with prefix length; that of the address alone where the plugin gave none. */
export function prefixesOf(result: CniResult): string[] {
  const found = Array.isArray(result['ips']) ? podAddresses(result, result['ips']) : oldAddresses(result);
  return found.map((address) => {
    const [ip = '', length] = typeof address === 'string' ? address.split('/') : [];
    const bits = isIP(ip) === 4 ? 32 : 128;
    const isLength = length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= bits);
    if (isIP(ip) === 0 || !isLength) throw new Error(`${JSON.stringify(address)} is not an address`);
    return `${ip}/${length ?? bits}`;
  });
}

/** From 0.3.0. An address may name its interface; one without a sandbox is on the host's side and not the pod's. */
function podAddresses(result: CniResult, ips: readonly unknown[]): unknown[] {
  const interfaces = Array.isArray(result['interfaces']) ? result['interfaces'] : [];
  return ips
    .filter((ip) => {
      const index = fieldOf(ip, 'interface');
      const holder: unknown = typeof index === 'number' ? interfaces[index] : undefined;
      return holder === undefined || (fieldOf(holder, 'sandbox') ?? '') !== '';
    })
    .map((ip) => fieldOf(ip, 'address'));
}

/** Until 0.2.0: at most one of each family. */
function oldAddresses(result: CniResult): unknown[] {
  return [result['ip4'], result['ip6']]
    .filter((entry) => entry !== undefined)
    .map((entry) => fieldOf(entry, 'ip'));
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
