// A value on its way from a file, a flag or the environment into the configuration.

import type { Problem } from './config-error.ts';
import { type AnyOption, defaultsOf, type OptionTable, type ValueOption } from './option.ts';
import { sectionList } from './options.ts';
import type { TomlTable } from './parse-toml.ts';
import { isTomlTable } from './value-type.ts';

export interface Setting {
  /** Dotted key of a value, or of a whole entry of a table of tables: `crio.runtime.runtimes.runc`. */
  readonly key: string;
  readonly value: unknown;
  /** The file, `--flag` or environment variable that it comes from. */
  readonly source: string;
}

export interface Reading {
  readonly settings: Setting[];
  /** Values of a wrong type; they stop the start. */
  readonly problems: Problem[];
  /** Unknown keys; they are ignored. */
  readonly warnings: Problem[];
}

/** All settings in a file's top table. */
export function readSettings(table: TomlTable, source: string): Reading {
  const reading: Reading = { settings: [], problems: [], warnings: [] };
  const subTables = new Set(sectionList.map(([, section]) => section.table));
  for (const [, section] of sectionList) {
    const values = tableAt(table, section.table, source, reading);
    if (values !== undefined)
      readTable(values, section.options, { prefix: section.table, source, subTables }, reading);
  }
  const known = new Set([...subTables].map((name) => name.split('.')[0]));
  for (const key of Object.keys(table)) {
    if (!known.has(key)) reading.warnings.push({ source, key, reason: 'unknown key, ignored' });
  }
  return reading;
}

interface Place {
  readonly prefix: string;
  readonly source: string;
  /** Sections of their own that lie inside this table. */
  readonly subTables: ReadonlySet<string>;
}

function tableAt(top: TomlTable, path: string, source: string, reading: Reading): TomlTable | undefined {
  let at: unknown = top;
  for (const part of path.split('.')) at = isTomlTable(at) ? at[part] : undefined;
  if (at === undefined || isTomlTable(at)) return at;
  reading.problems.push({ source, key: path, reason: `expected a table, found ${kindOf(at)}` });
  return undefined;
}

function readTable(table: TomlTable, options: OptionTable, place: Place, reading: Reading): void {
  for (const [name, value] of Object.entries(table)) {
    const key = `${place.prefix}.${name}`;
    const option = Object.hasOwn(options, name) ? options[name] : undefined;
    if (option !== undefined) readOption(value, option, { ...place, prefix: key }, reading);
    else if (!place.subTables.has(key))
      reading.warnings.push({ source: place.source, key, reason: 'unknown key, ignored' });
  }
}

function readOption(value: unknown, option: AnyOption, place: Place, reading: Reading): void {
  const { prefix: key, source } = place;
  if (option.kind === 'value') {
    if (!option.type.accepts(value)) reading.problems.push(wrongType(value, option, key, source));
    else if (!(keepsWhenEmpty(option) && value === '')) reading.settings.push({ key, value, source });
    return;
  }
  if (!isTomlTable(value)) {
    reading.problems.push({ source, key, reason: `expected a table, found ${kindOf(value)}` });
    return;
  }
  if (option.kind === 'table') {
    readTable(value, option.options, place, reading);
    return;
  }
  for (const [name, entry] of Object.entries(value)) {
    readEntry(entry, option.options, { ...place, prefix: `${key}.${name}` }, reading);
  }
}

/** An entry is complete in itself: what it leaves out has the default of its option, not an earlier file's value. */
function readEntry(entry: unknown, options: OptionTable, place: Place, reading: Reading): void {
  const { prefix: key, source } = place;
  if (!isTomlTable(entry)) {
    reading.problems.push({ source, key, reason: `expected a table, found ${kindOf(entry)}` });
    return;
  }
  const inner: Reading = { settings: [], problems: reading.problems, warnings: reading.warnings };
  readTable(entry, options, place, inner);
  const value = defaultsOf(options) as Record<string, unknown>;
  for (const setting of inner.settings)
    setIn(value, setting.key.slice(key.length + 1).split('.'), setting.value);
  reading.settings.push({ key, value, source });
}

/** Sets a value deep in an object whose tables exist, copying them so that the defaults stay what they are. */
export function setIn(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name = '', ...rest] = path;
  if (rest.length === 0) {
    target[name] = value;
    return;
  }
  const inner = { ...(target[name] as Record<string, unknown>) };
  setIn(inner, rest, value);
  target[name] = inner;
}

function keepsWhenEmpty(option: ValueOption<unknown>): boolean {
  return option.extras.emptyKeeps === true;
}

function wrongType(value: unknown, option: ValueOption<unknown>, key: string, source: string): Problem {
  return { source, key, reason: `expected ${withArticle(option.type.name)}, found ${kindOf(value)}` };
}

function withArticle(name: string): string {
  return /^[aeiou]/.test(name) ? `an ${name}` : `a ${name}`;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) {
    const odd = value.find((item) => typeof item !== 'string');
    return odd === undefined ? 'a list of strings' : `a list with ${kindOf(odd)}`;
  }
  if (value instanceof Date) return 'a date';
  if (typeof value === 'number')
    return Number.isInteger(value) ? `the integer ${value}` : `the float ${value}`;
  if (typeof value === 'string') return `the string ${JSON.stringify(value)}`;
  return typeof value === 'boolean' ? `the boolean ${value}` : 'a table';
}
