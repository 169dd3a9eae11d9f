// Value types of the lists that end up in a container's OCI spec: capabilities, resource limits, sysctls.

import { kernelCapabilities } from '../sys/capabilities.ts';
import { listType } from './value-type.ts';

// getrlimit(2), lower case without RLIMIT_.
const limitNames: ReadonlySet<string> = new Set(
  'as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(
    ' ',
  ),
);

/** Capabilities with or without `CAP_`. */
export const capabilityList = listType('NAME', (name) =>
  kernelCapabilities.includes(`CAP_${name.toUpperCase().replace(/^CAP_/, '')}`)
    ? undefined
    : `"${name}" is no Linux capability`,
);

/** Limits as `nofile=1024:2048`, `nofile=1024` (both) or `core=-1:-1` (unlimited). */
export const ulimitList = listType('NAME=SOFT:HARD', (item) => {
  const [, name = '', soft = '', hard = soft] = /^([a-z]+)=(-1|\d+)(?::(-1|\d+))?$/.exec(item) ?? [];
  if (name === '') return `"${item}" is not of the form name=soft:hard`;
  if (!limitNames.has(name)) return `"${item}" names no resource limit`;
  const [softValue, hardValue] = [soft, hard].map((value) => (value === '-1' ? Infinity : Number(value)));
  const fits = softValue !== undefined && hardValue !== undefined && softValue <= hardValue;
  return fits ? undefined : `"${item}" has a soft limit above the hard one`;
});

/**
 * Sysctls as `net.ipv4.ping_group_range=0 2147483647`. Only the form is checked here: which ones a pod may set depends
 * on the namespaces it shares with the host.
 */
export const sysctlList = listType('NAME=VALUE', (item) =>
  /^[a-zA-Z0-9_-]+([./][a-zA-Z0-9_*-]+)+=[^\n\0]+$/.test(item.trim())
    ? undefined
    : `"${item}" is not of the form name=value`,
);
