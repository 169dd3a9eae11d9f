// Containers that ask the node to be set up for their CPUs, by CRI-O's annotations. Only those with whole CPUs of their own may:
// a setting of a CPU that others run on would be theirs too.

import type { CpusetPlace } from '../cgroup/cpuset-place.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import type { NodeTuning, TuningWishes } from '../tuning/tuning.ts';
import type { Container } from './container.ts';
import type { ContainerConfig, LinuxResources } from './container-config.ts';
import type { ContainerParts, PodContext } from './container-parts.ts';
import { badFeature, type PodFeatures } from './pod-features.ts';
import { withWorkload } from './workloads.ts';

/** What a container asks for; undefined when that is nothing, or when it has no whole CPUs: CRI-O passes it over as well. */
export function tuningOf(
  { facts, cgroupParent }: PodContext,
  features: PodFeatures,
  config: ContainerConfig,
): TuningWishes | undefined {
  const containerName = config.metadata.name;
  const wishes = wishesOf(features, containerName);
  if (Object.keys(wishes).length === 0) return undefined;
  const { annotations } = facts;
  const resources = withWorkload(config.resources, features.workload, { annotations, containerName });
  return isGuaranteed(cgroupParent) && hasWholeCpus(resources) ? wishes : undefined;
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
function isGuaranteed(cgroupParent: string): boolean {
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
  const cpus = ownCpus(id, status.resources);
  const unbalanced = tuning.withoutLoadBalancing ? await cpusetOf(parts, id, status.pid) : undefined;
  await parts.tuning.apply(id, { ...tuning, cpus, ...(unbalanced !== undefined && { unbalanced }) });
}

async function cpusetOf(
  { cgroups }: Pick<ContainerParts, 'cgroups'>,
  id: string,
  pid: number,
): Promise<CpusetPlace> {
  const place = await cgroups.cpusetOf(pid, id);
  if (place !== undefined) return place;
  const text = `container "${id}" cannot be taken out of load balancing: its process is in no cpuset`;
  throw new DaemonError('failed-precondition', `${text}; the kernel needs the controller cpuset`);
}

function ownCpus(id: string, { cpusetCpus }: LinuxResources): string {
  if (cpusetCpus !== '') return cpusetCpus;
  const text = `container "${id}" has annotations for CPUs of its own, but its request names no CPUs`;
  throw new DaemonError('failed-precondition', `${text}; set the kubelet's cpuManagerPolicy to static`);
}

/** The environment that tells a container about its CPUs. */
export async function tuningEnvironment(
  tuning: NodeTuning,
  wishes: TuningWishes | undefined,
  { cpusetCpus }: LinuxResources,
): Promise<{ key: string; value: string }[]> {
  if (wishes?.irq !== 'housekeeping' || cpusetCpus === '') return [];
  return [{ key: 'OPENSHIFT_HOUSEKEEPING_CPUS', value: await tuning.housekeepingCpus(cpusetCpus) }];
}
