// Settings of all sources, lowest first, to one configuration.

import { findOption } from './option-list.ts';
import { type Config, deepFreeze, defaultConfig, type SectionName, sectionList } from './options.ts';
import { type Setting, setIn } from './setting.ts';

export interface Merged {
  readonly config: Config;
  /** Where the value of a key comes from; a key that nothing sets is absent. */
  readonly sources: ReadonlyMap<string, string>;
}

/**
 * The configuration that `settings` make of the defaults: a later one replaces an earlier one of its key, whole lists
 * too; an entry of a table of tables replaces the one of its name; `storage_option` is joined.
 */
export function mergeSettings(settings: readonly Setting[]): Merged {
  const values = thawed(defaultConfig());
  const sources = new Map<string, string>();
  for (const { key, value, source } of settings) {
    const path = configPath(key);
    const before = findOption(key)?.option.extras.appends ? valueAt(values, path) : undefined;
    setIn(values, path, Array.isArray(before) ? joined(before, value as unknown[]) : value);
    sources.set(key, source);
  }
  return { config: deepFreeze(values as Config), sources };
}

/** The way of a dotted key in the Config object: `crio.api.listen` is at `api`, `listen`. */
export function configPath(key: string): readonly [SectionName, ...string[]] {
  // The longest table name that fits: `crio.api.listen` is in crio.api, not in crio.
  const fitting = sectionList.filter(([, section]) => key.startsWith(`${section.table}.`));
  const best = fitting.sort(([, a], [, b]) => b.table.length - a.table.length)[0];
  if (best === undefined) throw new Error(`key ${key} is in no table`);
  const [name, section] = best;
  return [name, ...splitKey(key.slice(section.table.length + 1))];
}

// A handler's name may have a dot; it is the last part of an entry's key, and never followed by another.
function splitKey(rest: string): string[] {
  const entry = /^(runtimes|workloads)\.(.+)$/.exec(rest);
  return entry === null ? rest.split('.') : entry.slice(1);
}

/** The value at a path of `configPath`. */
export function valueAt(values: object, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], values);
}

function joined(before: readonly unknown[], added: readonly unknown[]): unknown[] {
  const all = [...before, ...added];
  return all.filter((item, index) => all.lastIndexOf(item) === index);
}

/** A copy whose sections can be changed by `setIn`. */
export function thawed(config: Config): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).map(([name, section]) => [name, { ...section }]));
}
