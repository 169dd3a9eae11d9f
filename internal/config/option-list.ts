// The option table as a flat list, for those who treat every option alike: flags, messages, printing, the manual.

import type { AnyOption, OptionTable, ValueOption } from './option.ts';
import { type SectionName, sectionList } from './options.ts';

export interface ListedOption {
  readonly section: SectionName;
  /** Dotted key with its table: `crio.api.listen`. */
  readonly key: string;
  readonly option: ValueOption<unknown>;
  /** Without the two hyphens; undefined for an option that has no flag. */
  readonly flag: string | undefined;
  /** Other names of the flag; those of one letter take one hyphen. */
  readonly aliases: readonly string[];
  readonly env: string | undefined;
}

/** Every value option outside tables of tables, in the order of the table. */
export const optionList: readonly ListedOption[] = sectionList.flatMap(([section, { table, options }]) =>
  listOptions(section, table, options, true),
);

/** The option of a dotted key; undefined when the table has none. */
export function findOption(key: string): ListedOption | undefined {
  return optionList.find((listed) => listed.key === key);
}

function listOptions(
  section: SectionName,
  prefix: string,
  options: OptionTable,
  withFlags: boolean,
): ListedOption[] {
  return Object.entries(options).flatMap(([name, option]) =>
    listOption(section, prefix, { name, option }, withFlags),
  );
}

function listOption(
  section: SectionName,
  prefix: string,
  { name, option }: { name: string; option: AnyOption },
  withFlags: boolean,
): ListedOption[] {
  const key = `${prefix}.${name}`;
  if (option.kind === 'table') return listOptions(section, key, option.options, false);
  if (option.kind === 'entries') return [];
  const { flag = name.replaceAll('_', '-'), aliases = [], env } = option.extras;
  if (!withFlags || flag === false)
    return [{ section, key, option, flag: undefined, aliases: [], env: undefined }];
  const usual = `CONTAINER_${flag.replaceAll('-', '_').toUpperCase()}`;
  return [{ section, key, option, flag, aliases, env: env === false ? undefined : (env ?? usual) }];
}
