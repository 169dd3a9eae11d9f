// Usage as the messages of the stats calls show it. Every section has its own time, and none is there without numbers.

import type { CgroupUse } from '../../cgroup/cgroup-usage.ts';
import type { ContainerStats } from '../../container/container-stats.ts';
import type { InterfaceUse } from '../../sandbox/net-dev.ts';
import type { SandboxStats } from '../../sandbox/sandbox-stats.ts';
import type { ContainerAttributes } from '../gen/runtime/v1/ContainerAttributes.ts';
import type { ContainerStats as ContainerStatsMessage } from '../gen/runtime/v1/ContainerStats.ts';
import type { CpuUsage } from '../gen/runtime/v1/CpuUsage.ts';
import type { IoUsage } from '../gen/runtime/v1/IoUsage.ts';
import type { MemoryUsage } from '../gen/runtime/v1/MemoryUsage.ts';
import type { NetworkInterfaceUsage } from '../gen/runtime/v1/NetworkInterfaceUsage.ts';
import type { NetworkUsage } from '../gen/runtime/v1/NetworkUsage.ts';
import type { PodSandboxAttributes } from '../gen/runtime/v1/PodSandboxAttributes.ts';
import type { PodSandboxStats } from '../gen/runtime/v1/PodSandboxStats.ts';
import type { SwapUsage } from '../gen/runtime/v1/SwapUsage.ts';
import { psiFromText } from './pressure.ts';

function amount(value: bigint | number): { value: string } {
  return { value: value.toString() };
}

/** What could not be measured is left out, which the kubelet does not take for 0. */
export function containerStatsMessage(
  { cgroup, nanoCores, writableLayer }: ContainerStats,
  attributes: ContainerAttributes,
): ContainerStatsMessage {
  return {
    attributes,
    ...(cgroup && {
      cpu: cpuUsage(cgroup, nanoCores),
      memory: memoryUsage(cgroup),
      ...(cgroup.memory.swap && { swap: swapUsage(cgroup) }),
      ...(cgroup.pressure && { io: ioUsage(cgroup) }),
    }),
    ...(writableLayer && {
      writableLayer: {
        timestamp: writableLayer.atNanos.toString(),
        fsId: { mountpoint: writableLayer.mountpoint },
        usedBytes: amount(writableLayer.bytes),
        inodesUsed: amount(writableLayer.inodes),
      },
    }),
  };
}

/** The kubelet reads `linux` without looking whether it is there. */
export function podSandboxStatsMessage(
  stats: SandboxStats,
  attributes: PodSandboxAttributes,
  containers: ContainerStatsMessage[],
): PodSandboxStats {
  const { cgroup, nanoCores, network, atNanos } = stats;
  return {
    attributes,
    linux: {
      ...(cgroup && {
        cpu: cpuUsage(cgroup, nanoCores),
        memory: memoryUsage(cgroup),
        ...(cgroup.tasks !== undefined && {
          process: { timestamp: cgroup.atNanos.toString(), processCount: amount(cgroup.tasks) },
        }),
        ...(cgroup.pressure && { io: ioUsage(cgroup) }),
      }),
      ...networkUsage(network ?? [], atNanos),
      containers,
    },
  };
}

function cpuUsage({ atNanos, cpuNanos, pressure }: CgroupUse, nanoCores: bigint | undefined): CpuUsage {
  return {
    timestamp: atNanos.toString(),
    usageCoreNanoSeconds: amount(cpuNanos),
    ...(nanoCores !== undefined && { usageNanoCores: amount(nanoCores) }),
    ...(pressure && { psi: psiFromText(pressure.cpu) }),
  };
}

function memoryUsage({ atNanos, memory, pressure }: CgroupUse): MemoryUsage {
  const { limitBytes, workingSetBytes } = memory;
  return {
    timestamp: atNanos.toString(),
    workingSetBytes: amount(workingSetBytes),
    ...(limitBytes !== undefined && { availableBytes: amount(left(limitBytes, workingSetBytes)) }),
    usageBytes: amount(memory.usageBytes),
    rssBytes: amount(memory.rssBytes),
    pageFaults: amount(memory.pageFaults),
    majorPageFaults: amount(memory.majorPageFaults),
    ...(pressure && { psi: psiFromText(pressure.memory) }),
  };
}

function swapUsage({ atNanos, memory: { swap } }: CgroupUse): SwapUsage {
  if (swap === undefined) return { timestamp: atNanos.toString() };
  return {
    timestamp: atNanos.toString(),
    swapUsageBytes: amount(swap.usageBytes),
    ...(swap.limitBytes !== undefined && {
      swapAvailableBytes: amount(left(swap.limitBytes, swap.usageBytes)),
    }),
  };
}

function ioUsage({ atNanos, pressure }: CgroupUse): IoUsage {
  return { timestamp: atNanos.toString(), ...(pressure && { psi: psiFromText(pressure.io) }) };
}

/** Nothing rather than a section without a default interface, which the kubelet does not survive. */
function networkUsage(interfaces: readonly InterfaceUse[], atNanos: bigint): { network?: NetworkUsage } {
  const main = interfaces.find(({ name }) => name === 'eth0') ?? interfaces[0];
  if (main === undefined) return {};
  const others = interfaces.filter((item) => item !== main).map(interfaceUsage);
  return {
    network: { timestamp: atNanos.toString(), defaultInterface: interfaceUsage(main), interfaces: others },
  };
}

function interfaceUsage({ name, rxBytes, rxErrors, txBytes, txErrors }: InterfaceUse): NetworkInterfaceUsage {
  return {
    name,
    rxBytes: amount(rxBytes),
    rxErrors: amount(rxErrors),
    txBytes: amount(txBytes),
    txErrors: amount(txErrors),
  };
}

function left(limit: bigint, used: bigint): bigint {
  return used < limit ? limit - used : 0n;
}
