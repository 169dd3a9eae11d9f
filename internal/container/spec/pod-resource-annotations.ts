// What the kubelet says of a whole pod, in the annotations by which CRI-O tells it to a runtime that sizes a virtual machine for
// the pod: Kata Containers. They are of the sandbox's spec only.

import type { LinuxResources } from '../container-config.ts';
import { serializeSpec } from './serialize-spec.ts';

export interface PodAmounts {
  /** Undefined where the request says nothing. */
  readonly overhead: LinuxResources | undefined;
  readonly resources: LinuxResources | undefined;
}

/** Under the name that CRI-O documents now and under the one before, which its releases write. */
export function podResourceAnnotations({
  overhead,
  resources,
}: PodAmounts): Readonly<Record<string, string>> {
  const [overheadText, resourcesText] = [criJson(overhead), criJson(resources)];
  return {
    'pod-linux-overhead.crio.io': overheadText,
    'io.kubernetes.cri-o.PodLinuxOverhead': overheadText,
    'pod-linux-resources.crio.io': resourcesText,
    'io.kubernetes.cri-o.PodLinuxResources': resourcesText,
  };
}

/** The message LinuxContainerResources as Go's encoding/json has it: the names of the .proto, nothing that is 0 or empty. */
function criJson(resources: LinuxResources | undefined): string {
  if (resources === undefined) return 'null';
  const fields = {
    cpu_period: resources.cpuPeriod,
    cpu_quota: resources.cpuQuota,
    cpu_shares: resources.cpuShares,
    memory_limit_in_bytes: resources.memoryLimitBytes,
    oom_score_adj: resources.oomScoreAdj,
    cpuset_cpus: resources.cpusetCpus,
    cpuset_mems: resources.cpusetMems,
    hugepage_limits: resources.hugepageLimits.map(({ pageSize, limitBytes }) =>
      present({ page_size: pageSize, limit: limitBytes }),
    ),
    unified: resources.unified,
    memory_swap_limit_in_bytes: resources.memorySwapLimitBytes,
  };
  return serializeSpec(present(fields));
}

/** As the tag `omitempty` does. */
function present(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === 0 || value === 0n || value === '';
}
