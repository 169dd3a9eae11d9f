import { DaemonError } from '../../errors/daemon-error.ts';
import type { CapabilitiesSpec } from '../../oci/runtime-spec.ts';
import { kernelCapabilities } from '../../sys/capabilities.ts';
import type { ContainerSecurity } from '../container-config.ts';

export interface CapabilitiesInput {
  readonly security: Pick<
    ContainerSecurity,
    'addCapabilities' | 'dropCapabilities' | 'addAmbientCapabilities' | 'privileged'
  >;
  readonly defaults: readonly string[];
  /** What there is to give: the daemon's own bounding set. */
  readonly bounding: readonly string[];
  readonly addInheritable: boolean;
  readonly uid: number;
}

/**
 * The capability sets of the process. A process that is not root gets what execve(2) would leave it: the bounding set
 * for set-uid programs and file capabilities, and of the others only what is ambient. Inheritable is empty but for
 * the ambient ones (CVE-2022-24769), unless the option asks for it.
 */
export function capabilitySets(input: CapabilitiesInput): CapabilitiesSpec {
  const granted = input.security.privileged
    ? new Set(input.bounding.map(normalize))
    : grantedTo(input.security, input);
  const ambient = new Set(
    input.security.addAmbientCapabilities.flatMap((name) => requested(name, input.bounding)),
  );
  for (const name of ambient) granted.add(name);
  const bounding = kernelCapabilities.filter((name) => granted.has(name));
  const ambientNames = bounding.filter((name) => ambient.has(name));
  const own = input.uid === 0 ? bounding : ambientNames;
  return {
    bounding,
    effective: own,
    permitted: own,
    inheritable: input.addInheritable ? bounding : ambientNames,
    ambient: ambientNames,
  };
}

/**
 * The order of CRI-O and containerd: the defaults, or everything for an added ALL; nothing for a dropped ALL; then the single
 * adds, and at last the single drops. What is both added and dropped is not there.
 */
function grantedTo(
  security: CapabilitiesInput['security'],
  { defaults, bounding }: CapabilitiesInput,
): Set<string> {
  const addsAll = security.addCapabilities.some(isAll);
  const known = bounding.map(normalize);
  const granted = new Set(addsAll ? known : defaults.map(normalize).filter((name) => known.includes(name)));
  if (security.dropCapabilities.some(isAll)) granted.clear();
  for (const name of security.addCapabilities) {
    if (!isAll(name)) for (const one of requested(name, bounding)) granted.add(one);
  }
  for (const name of security.dropCapabilities) if (!isAll(name)) granted.delete(normalize(name));
  return granted;
}

function requested(name: string, bounding: readonly string[]): readonly string[] {
  if (isAll(name)) return bounding.map(normalize);
  const one = normalize(name);
  if (!bounding.map(normalize).includes(one)) {
    throw new DaemonError('failed-precondition', `capability ${one} is not in the daemon's own bounding set`);
  }
  return [one];
}

function isAll(name: string): boolean {
  return name.toUpperCase() === 'ALL';
}

function normalize(name: string): string {
  const upper = name.toUpperCase();
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (!kernelCapabilities.includes(full)) {
    throw new DaemonError('invalid-argument', `capability ${JSON.stringify(name)} is not known`);
  }
  return full;
}
