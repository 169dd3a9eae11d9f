// The list of options in the manual page cria.conf(5), made of the option table.

import type { AnyOption, EntriesOption, OptionTable, ValueOption } from './option.ts';
import { findOption, type ListedOption } from './option-list.ts';
import { sectionList } from './options.ts';

/** Markdown with a heading for each TOML table and a paragraph for each option. */
export function manualOptions(): string {
  return sectionList
    .map(([, { table, title, options }]) => tableText(table, `${title}.`, options))
    .join('\n');
}

function tableText(table: string, doc: string, options: OptionTable): string {
  const entries = Object.entries(options);
  const values = entries.flatMap(([key, option]) =>
    option.kind === 'value' ? [valueText(table, key, option)] : [],
  );
  const tables = entries.flatMap(([key, option]) => innerText(`${table}.${key}`, option));
  return [`## [${table}]`, `${doc}\n`, ...values, ...tables].join('\n');
}

function innerText(table: string, option: AnyOption): string[] {
  if (option.kind === 'value') return [];
  if (option.kind === 'table') return [tableText(table, option.doc, option.options)];
  return [
    tableText(
      `${table}.NAME`,
      `${option.doc}${builtIn(option)}${option.reloadable ? ' Reloaded on SIGHUP.' : ''}`,
      option.options,
    ),
  ];
}

/** What the entries say that are there without any file, in so far as it differs from an entry's defaults. */
function builtIn(option: EntriesOption<OptionTable>): string {
  const entries = Object.entries(option.default).map(([name, values]) => {
    const set = Object.entries(values).map(([key, value]) => {
      const inner = option.options[key];
      return inner?.kind === 'value' ? `\`${key} = ${inner.type.toToml(value)}\`` : key;
    });
    return ` Built in is "${name}" with ${set.join(', ')}.`;
  });
  return entries.join('');
}

function valueText(table: string, key: string, option: ValueOption<unknown>): string {
  const listed = findOption(`${table}.${key}`);
  const notes = [statusNote(option), reloadNote(option), flagNote(listed)].filter((note) => note !== '');
  const lines = [`**${key}** = ${option.type.toToml(option.default)}`, `  ${option.doc}`];
  if (notes.length > 0) lines.push(`  *${notes.join('; ')}.*`);
  return `${lines.join('\\\n')}\n`;
}

function statusNote({ status }: ValueOption<unknown>): string {
  if (status === 'later') return 'Not supported yet: a warning names any value but this one';
  return status === 'unused' ? 'Without effect: a warning names any value but this one' : '';
}

function reloadNote({ status, extras }: ValueOption<unknown>): string {
  return status === 'done' && extras.reloadable ? 'Reloaded on SIGHUP' : '';
}

function flagNote(listed: ListedOption | undefined): string {
  if (listed?.flag === undefined) return '';
  const variable = listed.env === undefined ? '' : `, $${listed.env}`;
  return `--${listed.flag}${variable}`;
}
