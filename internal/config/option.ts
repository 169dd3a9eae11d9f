// The form of one entry of the option table. Everything about an option is said once, here: its type in TypeScript and
// TOML, its default, its text in the manual, its flag and environment variable, and what the daemon does with it.

import type { ValueType } from './value-type.ts';

/**
 * What the daemon does with an option.
 *
 * `done`: it works. `later`: it is read, and one warning says that it has no effect yet when it is not at its default.
 * `unused`: it configures a part of CRI-O that this daemon does not have; the same warning, with the reason.
 */
export type OptionStatus = 'done' | 'later' | 'unused';

export interface OptionExtras {
  /** A changed value is taken over on SIGHUP; of an option that is not supported yet: it will be. */
  readonly reloadable?: boolean;
  /** The flag's name where it is not the key with hyphens; false for none. */
  readonly flag?: string | false;
  /** One letter, or other names. */
  readonly aliases?: readonly string[];
  /** The environment variable's name where it is not `CONTAINER_` and the flag's name; false for none. */
  readonly env?: string | false;
  /** Values of several files are joined, the last of equal ones kept. */
  readonly appends?: boolean;
  /** An empty value means the value from before. */
  readonly emptyKeeps?: boolean;
}

export interface ValueOption<T> {
  readonly kind: 'value';
  readonly type: ValueType<T>;
  readonly default: T;
  readonly status: OptionStatus;
  readonly doc: string;
  readonly extras: OptionExtras;
}

/** A table with fixed keys inside a table. */
export interface TableOption<S extends OptionTable> {
  readonly kind: 'table';
  readonly options: S;
  readonly doc: string;
}

/** A table of tables whose names the administrator chooses; an entry in a later file replaces one of its name whole. */
export interface EntriesOption<S extends OptionTable> {
  readonly kind: 'entries';
  readonly options: S;
  readonly default: Readonly<Record<string, Partial<ValuesOf<S>>>>;
  /** The whole table is taken over on SIGHUP. */
  readonly reloadable: boolean;
  readonly doc: string;
}

// biome-ignore lint/suspicious/noExplicitAny: an option of any value type; `unknown` would not accept its methods.
export type AnyOption = ValueOption<any> | TableOption<OptionTable> | EntriesOption<OptionTable>;

export interface OptionTable {
  readonly [key: string]: AnyOption;
}

type ValueOf<O> =
  O extends ValueOption<infer T>
    ? T
    : O extends TableOption<infer S>
      ? ValuesOf<S>
      : O extends EntriesOption<infer S>
        ? Readonly<Record<string, ValuesOf<S>>>
        : never;

/** The values of a table's options, under the same keys. */
export type ValuesOf<S> = { readonly [K in keyof S]: ValueOf<S[K]> };

type Make = <T>(
  type: ValueType<T>,
  defaultValue: NoInfer<T>,
  doc: string,
  extras?: OptionExtras,
) => ValueOption<T>;

function maker(status: OptionStatus): Make {
  return (type, defaultValue, doc, extras = {}) => ({
    kind: 'value',
    type,
    default: defaultValue,
    status,
    doc,
    extras,
  });
}

/** An option that works. */
export const done: Make = maker('done');

/** An option that is known and has no effect yet. */
export const later: Make = maker('later');

/** An option of a part of CRI-O that has no counterpart here. */
export const unused: Make = maker('unused');

/** The text of an option for help and configuration files, which says too that it has no effect yet. */
export function textOf({ doc, status }: ValueOption<unknown>): string {
  return status === 'later' ? `${doc} Not supported yet.` : doc;
}

/** The defaults of a table's options. */
export function defaultsOf<S extends OptionTable>(options: S): ValuesOf<S> {
  const values = Object.entries(options).map(([key, option]) => [key, defaultOf(option)]);
  return Object.fromEntries(values) as ValuesOf<S>;
}

/** The default of one option of any kind. */
export function defaultOf(option: AnyOption): unknown {
  switch (option.kind) {
    case 'value':
      return option.default;
    case 'table':
      return defaultsOf(option.options);
    case 'entries': {
      const entries = Object.entries(option.default);
      return Object.fromEntries(
        entries.map(([name, entry]) => [name, { ...defaultsOf(option.options), ...entry }]),
      );
    }
  }
}
