import type { LinuxResources } from '../../container/container-config.ts';
import type {
  LinuxContainerResources,
  LinuxContainerResources__Output,
} from '../gen/runtime/v1/LinuxContainerResources.ts';
import { int64 } from './fields.ts';

const int64Max = 2n ** 63n - 1n;
const amount = [0n, int64Max] as const;
/** -1 is «no limit». */
const limit = [-1n, int64Max] as const;

/** No limit at all; 0 is the CRI's way to say that nothing was asked for. */
export const noResources: LinuxResources = {
  cpuPeriod: 0n,
  cpuQuota: 0n,
  cpuShares: 0n,
  memoryLimitBytes: 0n,
  memorySwapLimitBytes: 0n,
  oomScoreAdj: 0,
  cpusetCpus: '',
  cpusetMems: '',
  hugepageLimits: [],
  unified: {},
};

/** The limits of a message; one that is not there has none. `field` names the message in errors. */
export function resourcesFromMessage(
  message: LinuxContainerResources__Output | null | undefined,
  field: string,
): LinuxResources {
  if (message === null || message === undefined) return noResources;
  return {
    cpuPeriod: int64(message.cpuPeriod, `${field}.cpu_period`, amount),
    cpuQuota: int64(message.cpuQuota, `${field}.cpu_quota`, limit),
    cpuShares: int64(message.cpuShares, `${field}.cpu_shares`, amount),
    memoryLimitBytes: int64(message.memoryLimitInBytes, `${field}.memory_limit_in_bytes`, limit),
    memorySwapLimitBytes: int64(message.memorySwapLimitInBytes, `${field}.memory_swap_limit_in_bytes`, limit),
    oomScoreAdj: Number(int64(message.oomScoreAdj, `${field}.oom_score_adj`, [-1000n, 1000n])),
    cpusetCpus: message.cpusetCpus,
    cpusetMems: message.cpusetMems,
    hugepageLimits: message.hugepageLimits.map((item) => ({
      pageSize: item.pageSize,
      limitBytes: int64(item.limit, `${field}.hugepage_limits.limit`, [0n, 2n ** 64n - 1n]),
    })),
    unified: message.unified,
  };
}

/** The message for limits that are in force now; the kubelet compares them to see that a resize is done. */
export function resourcesToMessage(resources: LinuxResources): LinuxContainerResources {
  return {
    cpuPeriod: resources.cpuPeriod.toString(),
    cpuQuota: resources.cpuQuota.toString(),
    cpuShares: resources.cpuShares.toString(),
    memoryLimitInBytes: resources.memoryLimitBytes.toString(),
    memorySwapLimitInBytes: resources.memorySwapLimitBytes.toString(),
    oomScoreAdj: resources.oomScoreAdj.toString(),
    cpusetCpus: resources.cpusetCpus,
    cpusetMems: resources.cpusetMems,
    hugepageLimits: resources.hugepageLimits.map(({ pageSize, limitBytes }) => ({
      pageSize,
      limit: limitBytes.toString(),
    })),
    unified: { ...resources.unified },
  };
}
