// GOMAXPROCS for containers without a CPU limit, where Go would start a thread for each CPU of the node. The rule is CRI-O's: twice
// the requested CPUs.

import type { LinuxResources } from './container-config.ts';
import type { PodFeatures } from './pod-features.ts';
import { isGuaranteed } from './tuned-containers.ts';

/** The kubelet's: of one CPU. */
const sharesOfCpu = 1024n;

export interface GoMaxProcsSubject {
  readonly cgroupParent: string;
  readonly resources: Pick<LinuxResources, 'cpuShares' | 'cpuQuota'>;
  readonly features: Pick<PodFeatures, 'value'>;
}

/**
 * `GOMAXPROCS=N`, at least `least`; nothing where `least` is not positive, the pod opts out, the pod is guaranteed, whose
 * CPUs may be its own, and where there is a quota, which Go 1.25 and later find themselves.
 */
export function goMaxProcs(
  least: number,
  { cgroupParent, resources, features }: GoMaxProcsSubject,
): readonly string[] {
  const isOut =
    least <= 0 ||
    resources.cpuQuota > 0n ||
    isGuaranteed(cgroupParent) ||
    features.value('skipGoMaxProcs') === 'true';
  if (isOut) return [];
  const twice = (2n * resources.cpuShares + sharesOfCpu - 1n) / sharesOfCpu;
  const floor = BigInt(least);
  return [`GOMAXPROCS=${twice > floor ? twice : floor}`];
}
