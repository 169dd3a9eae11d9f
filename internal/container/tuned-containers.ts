// Containers that ask the node to be set up for their CPUs, by CRI-O's annotations. Only those with whole CPUs of their own may:
// a setting of a CPU that others run on would be theirs too.

import type { CgroupPlace, PlacedController, PlacedProcess } from '../cgroup/cgroup-place.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import type { NodeTuning, TuningWishes } from '../tuning/tuning.ts';
import type { Container, ContainerMetadata } from './container.ts';
import type { ContainerConfig, LinuxResources } from './container-config.ts';
import type { ContainerParts, PodContext } from './container-parts.ts';
import { badFeature, type PodFeatures } from './pod-features.ts';
import { withWorkload } from './workloads.ts';

/** What a container asks for; undefined when that is nothing, or when it has no whole CPUs: CRI-O passes it over as well. */
export function tuningOf(
  { facts, cgroupParent }: PodContext,
  { features, sharedCpus }: { readonly features: PodFeatures; readonly sharedCpus: string },
  config: ContainerConfig,
): TuningWishes | undefined {
  const containerName = config.metadata.name;
  const isSharing = wantsSharedCpus(features, containerName);
  const wishes = { ...wishesOf(features, containerName), ...(isSharing && { sharedCpus }) };
  if (Object.keys(wishes).length === 0) return undefined;
  const { annotations } = facts;
  const resources = withWorkload(config.resources, features.workload, { annotations, containerName });
  if (!isGuaranteed(cgroupParent) || !hasWholeCpus(resources)) return undefined;
  if (isSharing && sharedCpus === '') {
    const text = `container "${containerName}" asks for shared CPUs, but the node has none`;
    throw new DaemonError('failed-precondition', `${text}; set shared_cpuset in [crio.runtime]`);
  }
  return wishes;
}

function wantsSharedCpus(features: PodFeatures, containerName: string): boolean {
  const text = features.value('cpuShared', containerName);
  if (text === undefined || text === 'disable') return false;
  if (text === 'enable') return true;
  throw badFeature('cpuShared', text, '"enable" or "disable"');
}

function wishesOf(features: PodFeatures, containerName: string): TuningWishes {
  const irq = irqWish(features, containerName);
  const latency = resumeLatency(features, containerName);
  const governor = governorOf(features, containerName);
  return {
    ...(irq !== undefined && { irq }),
    ...(isUnbalanced(features, containerName) && { withoutLoadBalancing: true }),
    ...(latency !== undefined && { resumeLatency: latency }),
    ...(governor !== undefined && { governor }),
  };
}

/** Which ones there are is the kernel's to say, at the start. */
function governorOf(features: PodFeatures, containerName: string): string | undefined {
  const text = features.value('cpuFreqGovernor', containerName);
  if (text === undefined || /^\w{1,15}$/.test(text)) return text;
  throw badFeature('cpuFreqGovernor', text, 'the name of a governor such as "performance"');
}

/** In the kernel's words. */
function resumeLatency(features: PodFeatures, containerName: string): string | undefined {
  const text = features.value('cpuCStates', containerName);
  if (text === undefined) return undefined;
  if (text === 'enable') return '0';
  if (text === 'disable') return 'n/a';
  const [, micros] = /^max_latency:0*([1-9]\d{0,8})$/.exec(text) ?? [];
  if (micros !== undefined) return micros;
  throw badFeature('cpuCStates', text, '"disable", "enable" or "max_latency:MICROSECONDS"');
}

function isUnbalanced(features: PodFeatures, containerName: string): boolean {
  const text = features.value('cpuLoadBalancing', containerName);
  if (text === undefined || text === 'enable') return false;
  if (text === 'disable' || text === 'true') return true;
  throw badFeature('cpuLoadBalancing', text, '"disable" or "enable"');
}

function irqWish(features: PodFeatures, containerName: string): TuningWishes['irq'] {
  const text = features.value('irqLoadBalancing', containerName);
  if (text === undefined || text === 'enable') return undefined;
  if (text === 'disable' || text === 'true') return 'disable';
  if (text === 'housekeeping') return text;
  throw badFeature('irqLoadBalancing', text, '"disable", "housekeeping" or "enable"');
}

/** The kubelet's cgroups for pods of the other two classes carry their names; those of guaranteed pods none. */
export function isGuaranteed(cgroupParent: string): boolean {
  return !/burstable|besteffort/.test(cgroupParent);
}

/** By the kubelet's rule: a CPU is 1024 shares. */
function hasWholeCpus({ cpuShares }: LinuxResources): boolean {
  return cpuShares >= 1024n && cpuShares % 1024n === 0n;
}

/** Sets the node up for a container that is about to run. `failed-precondition` when that cannot be done; nothing is changed then. */
export async function applyTuning(
  parts: Pick<ContainerParts, 'tuning' | 'cgroups'>,
  { id, metadata, status }: Container,
): Promise<void> {
  const { tuning } = metadata;
  if (tuning === undefined) return;
  const cpus = ownCpus(metadata.config.metadata.name, status.resources);
  const place = (controller: PlacedController): Promise<CgroupPlace> =>
    placeOf(parts, { containerId: id, pid: status.pid }, controller);
  await parts.tuning.apply(id, {
    ...tuning,
    cpus,
    ...(tuning.withoutLoadBalancing && { unbalanced: await place('cpuset') }),
    ...(tuning.sharedCpus !== undefined && {
      shared: { cpus: tuning.sharedCpus, cpu: await place('cpu'), cpuset: await place('cpuset') },
    }),
  });
}

async function placeOf(
  { cgroups }: Pick<ContainerParts, 'cgroups'>,
  process: PlacedProcess,
  controller: PlacedController,
): Promise<CgroupPlace> {
  const place = await cgroups.placeOf(process, controller);
  if (place !== undefined) return place;
  const text = `the CPUs of container "${process.containerId}" cannot be set up: its process is in no ${controller} cgroup of its own`;
  throw new DaemonError(
    'failed-precondition',
    `${text}; the kernel must have this controller, and the OCI runtime use it`,
  );
}

function ownCpus(containerName: string, { cpusetCpus }: LinuxResources): string {
  if (cpusetCpus !== '') return cpusetCpus;
  const text = `container "${containerName}" has annotations for CPUs of its own, but its request names no CPUs`;
  throw new DaemonError('failed-precondition', `${text}; set the kubelet's cpuManagerPolicy to static`);
}

/** The limits as they are carried out: the kubelet knows nothing of shared CPUs, and is shown what it has asked for. */
export function withSharedCpus(
  resources: LinuxResources,
  { config, tuning }: ContainerMetadata,
): LinuxResources {
  if (tuning?.sharedCpus === undefined) return resources;
  return { ...resources, cpusetCpus: `${ownCpus(config.metadata.name, resources)},${tuning.sharedCpus}` };
}

/** The environment that tells a container about its CPUs. */
export async function tuningEnvironment(
  tuning: NodeTuning,
  wishes: TuningWishes | undefined,
  { cpusetCpus }: LinuxResources,
): Promise<{ key: string; value: string }[]> {
  if (wishes === undefined || cpusetCpus === '') return [];
  const found = await tuning.environment(wishes, cpusetCpus);
  return Object.entries(found).map(([key, value]) => ({ key, value }));
}
