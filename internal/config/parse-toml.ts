// TOML text to plain tables, with errors that lead to the line.

import { parse } from 'toml';
import { ConfigError } from './config-error.ts';
import { isTomlTable } from './value-type.ts';

export type TomlTable = Readonly<Record<string, unknown>>;

interface Place {
  readonly line: number;
  readonly column: number;
}

/** The top table of `text`. Throws ConfigError with file, line, column and the key that the line sets. */
export function parseToml(text: string, file: string): TomlTable {
  try {
    const table: unknown = parse(text);
    return isTomlTable(table) ? table : {};
  } catch (cause) {
    const place = placeOf(cause);
    const source = place === undefined ? file : `${file}:${place.line}:${place.column}`;
    const key = place === undefined ? '' : keyAt(text, place.line);
    const hint = place === undefined ? '' : quotesHint(text, place.line);
    throw new ConfigError([{ source, key, reason: `${reasonOf(cause)}${hint}` }]);
  }
}

// The package throws its grammar's errors with a `location`, and those of meaning with `line` and `column`.
function placeOf(error: unknown): Place | undefined {
  const { location, line, column } = error as { location?: { start: Place }; line?: number; column?: number };
  if (location !== undefined) return location.start;
  return line === undefined || column === undefined ? undefined : { line, column };
}

// The grammar's message lists everything that could have stood there; what was found says more.
function reasonOf(error: unknown): string {
  const { found, message } = error as { found?: string | null; message: string };
  if (found === null) return 'unexpected end of the file';
  if (typeof found === 'string') return `unexpected ${JSON.stringify(found)}`;
  return `${message.charAt(0).toLowerCase()}${message.slice(1).replace(/\.$/, '')}`;
}

/** What most often is wrong in a line that cannot be parsed: a word or a path without quotes. */
function quotesHint(text: string, line: number): string {
  const value = /^[^#"'=]*=\s*([A-Za-z/][^\s#]*)/.exec(text.split('\n')[line - 1] ?? '')?.[1];
  const word = value?.toLowerCase();
  if (word === 'true' || word === 'false') return value === word ? '' : `; TOML writes it ${word}`;
  if (value === undefined || value === 'inf' || value === 'nan') return '';
  return `; text needs quotes: "${value}"`;
}

/** The dotted key that a line sets, or the table that it opens; empty when it does neither. */
function keyAt(text: string, line: number): string {
  const lines = text.split('\n').slice(0, line);
  const tables = lines.map((content) => /^\s*\[\[?\s*([^\]]+?)\s*\]/.exec(content)?.[1]);
  const table = tables.findLast((name) => name !== undefined);
  const key = /^\s*([A-Za-z0-9_."'-]+)\s*=/.exec(lines.at(-1) ?? '')?.[1];
  return [table, key].filter((part) => part !== undefined).join('.');
}
