// Workloads: pods with an annotation of the administrator's choice, whose containers get CPUs and shares by it.

import { DaemonError } from '../errors/daemon-error.ts';
import { quoteStart } from '../errors/quote-start.ts';
import type { LinuxResources } from './container-config.ts';

export interface WorkloadResources {
  /** 0 in each number, and the empty text: not set. */
  readonly cpushares: number;
  readonly cpuquota: number;
  readonly cpuperiod: number;
  /** Thousandths of a CPU; the quota is made of it where none is set. */
  readonly cpulimit: number;
  readonly cpuset: string;
}

/** One entry of the table `crio.runtime.workloads`. */
export interface Workload {
  readonly name: string;
  /** A pod that has it, whatever its value, is of the workload. */
  readonly activationAnnotation: string;
  /** Empty: the pods' authors change nothing. */
  readonly annotationPrefix: string;
  readonly allowedAnnotations: readonly string[];
  readonly resources: WorkloadResources;
}

/** The first of the table that the pod belongs to. */
export function selectWorkload(
  annotations: Readonly<Record<string, string>>,
  workloads: readonly Workload[],
): Workload | undefined {
  return workloads.find(({ activationAnnotation }) => Object.hasOwn(annotations, activationAnnotation));
}

const defaultPeriod = 100_000n;
/** The kernel's least (sched-bwc). */
const leastQuota = 1000n;

/** What a container of the workload gets: the request's limits with those of the table, or of the pod's annotation, in their place. */
export function withWorkload(
  requested: LinuxResources,
  workload: Workload | undefined,
  pod: { readonly annotations: Readonly<Record<string, string>>; readonly containerName: string },
): LinuxResources {
  if (workload === undefined) return requested;
  const { cpushares, cpuquota, cpuperiod, cpuset, cpulimit } = {
    ...workload.resources,
    ...overrides(workload, pod.annotations, pod.containerName),
  };
  const cpuPeriod = BigInt(cpuperiod) || requested.cpuPeriod;
  const period = cpuPeriod || defaultPeriod;
  const limitQuota = (BigInt(cpulimit) * period) / 1000n;
  const byLimit = cpulimit === 0 ? 0n : limitQuota < leastQuota ? leastQuota : limitQuota;
  return {
    ...requested,
    cpuShares: BigInt(cpushares) || requested.cpuShares,
    cpuQuota: BigInt(cpuquota) || byLimit || requested.cpuQuota,
    cpuPeriod: byLimit > 0n ? period : cpuPeriod,
    cpusetCpus: cpuset || requested.cpusetCpus,
  };
}

/** The annotation `PREFIX/CONTAINER` holds a JSON object with some of the table's keys; 0 and the empty text say nothing (CRI-O). */
function overrides(
  { annotationPrefix, resources }: Workload,
  annotations: Readonly<Record<string, string>>,
  containerName: string,
): Partial<WorkloadResources> {
  const name = `${annotationPrefix}/${containerName}`;
  const text = annotationPrefix === '' || !Object.hasOwn(annotations, name) ? undefined : annotations[name];
  if (text === undefined) return {};
  const refuse = (why: string): DaemonError =>
    new DaemonError('invalid-argument', `annotation ${name} is ${quoteStart(text)}: ${why}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse('it is no JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refuse('it is no JSON object');
  for (const [key, item] of Object.entries(value)) {
    if (!Object.hasOwn(resources, key))
      throw refuse(`${quoteStart(key)} is none of ${Object.keys(resources).join(', ')}`);
    const isGood =
      key === 'cpuset' ? typeof item === 'string' : Number.isSafeInteger(item) && (item as number) >= 0;
    if (!isGood) throw refuse(`"${key}" is not ${key === 'cpuset' ? 'a text' : 'a number of 0 or more'}`);
  }
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== 0 && item !== ''));
}
