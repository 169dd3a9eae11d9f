// What a pod's annotations ask of the daemon itself, under the administrator's lists of allowed ones. The names are CRI-O's.

import { parseKubernetesQuantity } from '../config/quantities.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { quoteStart } from '../errors/quote-start.ts';
import { selectWorkload, type Workload } from './workloads.ts';

/** Today's name first, then the one that pods have used before. */
export const featureNames = {
  devices: ['devices.crio.io', 'io.kubernetes.cri-o.Devices'],
  linkLogs: ['link-logs.crio.io', 'io.kubernetes.cri-o.LinkLogs'],
  usernsMode: ['userns-mode.crio.io', 'io.kubernetes.cri-o.userns-mode'],
  shmSize: ['shm-size.crio.io', 'io.kubernetes.cri-o.ShmSize'],
  umask: ['umask.crio.io', 'io.kubernetes.cri-o.umask'],
  unifiedCgroup: ['unified-cgroup.crio.io', 'io.kubernetes.cri-o.UnifiedCgroup'],
  writableCgroups: ['cgroup2-mount-hierarchy-rw.crio.io', 'io.kubernetes.cri-o.cgroup2-mount-hierarchy-rw'],
  trySkipRelabel: ['try-skip-volume-selinux-label.crio.io', 'io.kubernetes.cri-o.TrySkipVolumeSELinuxLabel'],
  // These have had their names from the beginning.
  cpuQuota: ['cpu-quota.crio.io', 'cpu-quota.crio.io'],
  cpuCStates: ['cpu-c-states.crio.io', 'cpu-c-states.crio.io'],
  cpuFreqGovernor: ['cpu-freq-governor.crio.io', 'cpu-freq-governor.crio.io'],
  cpuLoadBalancing: ['cpu-load-balancing.crio.io', 'cpu-load-balancing.crio.io'],
  cpuShared: ['cpu-shared.crio.io', 'cpu-shared.crio.io'],
  irqLoadBalancing: ['irq-load-balancing.crio.io', 'irq-load-balancing.crio.io'],
  skipGoMaxProcs: ['skip-gomaxprocs.crio.io', 'skip-gomaxprocs.crio.io'],
} as const satisfies Record<string, readonly [string, string]>;

export type FeatureName = keyof typeof featureNames;

export interface PodFeatures {
  /** Prefixes that let annotations through to the OCI runtime. */
  readonly allowed: readonly string[];
  readonly workload: Workload | undefined;
  /** What the pod says, or says of one of its containers; undefined where it says nothing, or is not allowed to. */
  value(feature: FeatureName, containerName?: string): string | undefined;
}

export interface FeatureRules {
  /** The runtime handler's list. */
  readonly allowedAnnotations: readonly string[];
  readonly workloads: readonly Workload[];
}

/** Reads a pod's annotations. Each list allows a feature by either of its names; the pod may use either, the new one wins. */
export function podFeatures(
  annotations: Readonly<Record<string, string>>,
  { allowedAnnotations, workloads }: FeatureRules,
): PodFeatures {
  const workload = selectWorkload(annotations, workloads);
  const listed = [...allowedAnnotations, ...(workload?.allowedAnnotations ?? [])];
  const isAllowed = (feature: FeatureName): boolean =>
    featureNames[feature].some((name) => listed.some((prefix) => prefix !== '' && name.startsWith(prefix)));
  const opened = Object.keys(featureNames).filter((name) => isAllowed(name as FeatureName)) as FeatureName[];
  return {
    allowed: [...listed, ...opened.flatMap((name) => featureNames[name])],
    workload,
    value(feature, containerName) {
      if (!isAllowed(feature)) return undefined;
      const [now, before] = featureNames[feature];
      const own =
        containerName === undefined ? [] : [`${now}/${containerName}`, `${before}.${containerName}`];
      const name = [...own, now, before].find((candidate) => Object.hasOwn(annotations, candidate));
      return name === undefined ? undefined : annotations[name];
    },
  };
}

/** An error about the value of an annotation: `expected` ends the sentence. */
export function badFeature(feature: FeatureName, value: string, expected: string): DaemonError {
  const text = `annotation ${featureNames[feature][0]} is ${quoteStart(value)}, expected ${expected}`;
  return new DaemonError('invalid-argument', text);
}

/** The umask of a container's first process; undefined for the runtime's own. */
export function umaskOf(features: PodFeatures): number | undefined {
  const text = features.value('umask');
  if (text === undefined) return undefined;
  if (!/^[0-7]{1,4}$/.test(text) || Number.parseInt(text, 8) > 0o777)
    throw badFeature('umask', text, 'an octal number such as 0022');
  return Number.parseInt(text, 8);
}

/** Bytes of the pod's /dev/shm; undefined for the usual size. */
export function shmSizeOf(features: PodFeatures): number | undefined {
  const text = features.value('shmSize');
  if (text === undefined) return undefined;
  const bytes = parseKubernetesQuantity(text) ?? 0n;
  if (bytes <= 0n || bytes > BigInt(Number.MAX_SAFE_INTEGER))
    throw badFeature('shmSize', text, 'a positive quantity such as "128Mi"');
  return Number(bytes);
}

/** Files of cgroup v2 and their values, `memory.high=1G;memory.low=0`. Which names are good is checked with the request's. */
export function unifiedOf(features: PodFeatures, containerName: string): Readonly<Record<string, string>> {
  const text = features.value('unifiedCgroup', containerName);
  if (text === undefined) return {};
  const pairs = text.split(';').filter((pair) => pair.trim() !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, name = '', value = ''] = /^\s*([^=\s]+)=(.*)$/s.exec(pair) ?? [];
      if (name === '') throw badFeature('unifiedCgroup', text, 'FILE=VALUE;FILE=VALUE');
      return [name, value];
    }),
  );
}

/** Whether a container shall never be throttled: its quota is taken away, and that of its pod. */
export function hasNoQuota(features: PodFeatures, containerName: string): boolean {
  const text = features.value('cpuQuota', containerName);
  if (text === undefined || text === 'enable') return false;
  if (text === 'disable' || text === 'true') return true;
  throw badFeature('cpuQuota', text, '"disable" or "enable"');
}
