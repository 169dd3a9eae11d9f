// The configuration as commented TOML: what `cria config` prints.

import { type AnyOption, defaultsOf, type EntriesOption, type OptionTable, textOf } from './option.ts';
import { type Config, sectionList } from './options.ts';

const width = 110;

/**
 * TOML that gives `config` when it is loaded. A value that equals its default is a comment, so that a later default
 * takes effect and the text shows what somebody decided.
 */
export function printConfig(config: Config, defaults: Config): string {
  const header = comment(
    'Configuration of cria. Files of the drop-in directory, environment variables and flags have precedence over this ' +
      'file. A value in a comment is the default.',
  );
  const parts = sectionList.map(([name, { table, title, options }]) => {
    const values = config[name] as Values;
    const usual = defaults[name] as Values;
    return `${comment(`${title}.`)}[${table}]\n\n${printTable(table, options, values, usual)}`;
  });
  return `${header}\n${parts.join('\n')}`;
}

type Values = Readonly<Record<string, unknown>>;

function printTable(table: string, options: OptionTable, values: Values, usual: Values): string {
  return inPrintingOrder(options)
    .map(([key, option]) => {
      const [value, usualValue] = [values[key], usual[key]];
      if (option.kind === 'entries')
        return printEntries(`${table}.${key}`, option, value as Entries, usualValue as Entries);
      if (option.kind === 'table')
        return `${comment(option.doc)}[${table}.${key}]\n\n${printTable(`${table}.${key}`, option.options, value as Values, usualValue as Values)}`;
      const line = `${key} = ${option.type.toToml(value)}\n`;
      const isUsual = option.type.toToml(value) === option.type.toToml(usualValue);
      return `${comment(textOf(option))}${isUsual ? '# ' : ''}${line}\n`;
    })
    .join('');
}

// In TOML, what follows a table's header belongs to that table: values first.
function inPrintingOrder(options: OptionTable): [string, AnyOption][] {
  const entries = Object.entries(options);
  return [
    ...entries.filter(([, option]) => option.kind === 'value'),
    ...entries.filter(([, option]) => option.kind !== 'value'),
  ];
}

type Entries = Readonly<Record<string, Values>>;

/** An entry at its default is a comment as a whole; in any other one, keys are compared with those of a new entry. */
function printEntries(
  table: string,
  option: EntriesOption<OptionTable>,
  entries: Entries,
  usual: Entries,
): string {
  const fresh = defaultsOf(option.options) as Values;
  const printed = Object.entries(entries).map(([name, entry]) => {
    const header = `[${table}.${tomlKey(name)}]\n\n`;
    const before = usual[name];
    if (before === undefined || JSON.stringify(before) !== JSON.stringify(entry))
      return `${header}${printTable(`${table}.${tomlKey(name)}`, option.options, entry, fresh)}`;
    return commentOut(`${header}${printTable(`${table}.${tomlKey(name)}`, option.options, entry, fresh)}`);
  });
  return `${comment(option.doc)}\n${printed.join('')}`;
}

function tomlKey(name: string): string {
  return /^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name);
}

function commentOut(text: string): string {
  return text.replaceAll(/^(?!#|$)/gm, '# ');
}

/** Lines of at most `width` characters, each after a `#`. */
function comment(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`# ${word}`);
  }
  return `${lines.join('\n')}\n`;
}
