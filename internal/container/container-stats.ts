// What containers use now: their cgroups, their CPU rate, their writable layers.

import type { CgroupUse } from '../cgroup/cgroup-usage.ts';
import { describeError } from '../errors/daemon-error.ts';
import type { Container } from './container.ts';
import type { ContainerParts } from './container-parts.ts';
import type { CpuRates } from './cpu-rates.ts';
import type { LayerUsage, WritableLayers } from './writable-layers.ts';

export interface ContainerStats {
  readonly container: Container;
  /** Undefined once the container has ended and its cgroup is gone. */
  readonly cgroup: CgroupUse | undefined;
  /** Billionths of a CPU since an earlier look; undefined at the first one. */
  readonly nanoCores: bigint | undefined;
  /** Undefined when the layer cannot be read. */
  readonly writableLayer: LayerUsage | undefined;
}

/** What is remembered between two looks. */
export interface StatsMemory {
  readonly rates: CpuRates;
  readonly layers: WritableLayers;
}

/** Takes no lock: a container that is being stopped for a minute is measured all the same. */
export async function measureContainer(parts: ContainerParts, container: Container): Promise<ContainerStats> {
  const { rates } = parts.stats;
  const { id, cgroupParent } = container.metadata;
  const cgroup = hasUsage(container) ? parts.cgroups.containerUse(cgroupParent, id) : undefined;
  const writableLayer = await writableLayerOf(parts, container);
  return { container, cgroup, nanoCores: cgroup && rates.next(container, cgroup.cpuNanos), writableLayer };
}

async function writableLayerOf(parts: ContainerParts, container: Container): Promise<LayerUsage | undefined> {
  const { id } = container.metadata;
  const place = parts.layers.writableLayer(id);
  if (place === undefined) return undefined;
  return parts.stats.layers.usage(container, place).catch((cause: unknown) => {
    const fields = { containerId: id, error: describeError(cause) };
    parts.logger.warn(fields, 'cannot measure the writable layer');
    return undefined;
  });
}

/** What all containers' own files take, as far as they have been counted. */
export async function measureWritableLayers(
  parts: ContainerParts,
): Promise<{ readonly usedBytes: number; readonly inodesUsed: number }> {
  const all = parts.containers.list().map((container) => writableLayerOf(parts, container));
  const known = (await Promise.all(all)).filter((usage) => usage !== undefined);
  return {
    usedBytes: known.reduce((sum, { bytes }) => sum + bytes, 0),
    inodesUsed: known.reduce((sum, { inodes }) => sum + inodes, 0),
  };
}

/** Only living containers are worth a list: those that have ended use nothing. */
export function hasUsage({ status }: Container): boolean {
  return status.state === 'created' || status.state === 'running';
}
