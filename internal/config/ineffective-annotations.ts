// Annotations of CRI-O that the lists of handlers and workloads allow and that have no effect here: named, as options are.

import type { Problem } from './config-error.ts';
import type { Config } from './options.ts';

const withoutEffect = [
  'seccomp-notifier-action.crio.io',
  'io.kubernetes.cri-o.seccompNotifierAction',
  'seccomp-profile.crio.io',
  'seccomp-profile.kubernetes.cri-o.io',
  'disable-fips.crio.io',
  'io.kubernetes.cri-o.DisableFIPS',
];

interface WithList {
  readonly allowed_annotations: readonly string[];
}

/** A warning for each such name of each list. */
export function ineffectiveAnnotations({ runtime }: Config, sources: ReadonlyMap<string, string>): Problem[] {
  const tables: Record<string, Readonly<Record<string, WithList>>> = {
    runtimes: runtime.runtimes,
    workloads: runtime.workloads,
  };
  return Object.entries(tables).flatMap(([table, entries]) =>
    Object.entries(entries).flatMap(([name, { allowed_annotations: allowed }]) => {
      const key = `crio.runtime.${table}.${name}`;
      const source = sources.get(key) ?? 'default';
      const found = allowed.filter((annotation) => withoutEffect.includes(annotation));
      return found.map((annotation) => ({
        source,
        key: `${key}.allowed_annotations`,
        reason: `"${annotation}" has no effect, it is not supported yet`,
      }));
    }),
  );
}
