// Options that somebody has set and that do nothing here: said once, so that nobody relies on them.

import type { Problem } from './config-error.ts';
import { ineffectiveAnnotations } from './ineffective-annotations.ts';
import { configPath, valueAt } from './merge-settings.ts';
import { defaultOf, type OptionTable, type ValueOption } from './option.ts';
import { optionList } from './option-list.ts';
import { type Config, sections } from './options.ts';

/** One warning for each option without effect that is not at its default. */
export function ineffectiveOptions(config: Config, sources: ReadonlyMap<string, string>): Problem[] {
  const warnings = optionList.flatMap(({ key, option }) => {
    const source = sources.get(key);
    if (source === undefined || !isIneffective(option, valueAt(config, configPath(key)))) return [];
    return [{ source, key, reason: reasonOf(option) }];
  });
  const { runtimes, workloads } = sections.runtime.options;
  return [
    ...warnings,
    ...inEntries('crio.runtime.runtimes', runtimes.options, config.runtime.runtimes, sources),
    ...inEntries('crio.runtime.workloads', workloads.options, config.runtime.workloads, sources),
    ...ineffectiveAnnotations(config, sources),
  ];
}

function inEntries(
  prefix: string,
  options: OptionTable,
  entries: Readonly<Record<string, object>>,
  sources: ReadonlyMap<string, string>,
): Problem[] {
  return Object.entries(entries).flatMap(([name, entry]) => {
    const values = Object.entries(entry).filter(([key, value]) => {
      const option = options[key];
      if (option?.kind === 'value') return isIneffective(option, value);
      // The only table inside an entry, a workload's resources, goes with the rest of the workload.
      return false;
    });
    const source = sources.get(`${prefix}.${name}`) ?? 'default';
    return values.map(([key]) => {
      const option = options[key];
      return {
        source,
        key: `${prefix}.${name}.${key}`,
        reason: option?.kind === 'value' ? reasonOf(option) : '',
      };
    });
  });
}

function isIneffective(option: ValueOption<unknown>, value: unknown): boolean {
  if (option.status === 'done') return false;
  return option.type.toToml(value) !== option.type.toToml(defaultOf(option));
}

function reasonOf(option: ValueOption<unknown>): string {
  return option.status === 'unused'
    ? 'ignored, there is no such part here'
    : 'ignored, it is not supported yet';
}
