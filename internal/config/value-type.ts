// What a configuration value can be: how it is recognised in TOML, read from a flag or the environment, checked, printed.

export interface ValueType<T> {
  /** Said in messages and in the manual: `string`, `list of strings`. */
  readonly name: string;
  /** Stands for the value in a usage line: `PATH`. Empty for a boolean, whose flag needs no value. */
  readonly placeholder: string;
  /** True for a list: its flag may be repeated, and one value may hold several separated by commas. */
  readonly isList: boolean;
  /** Whether a parsed TOML value has this type. */
  accepts(value: unknown): value is T;
  /** The value that a flag or an environment variable gives; undefined when the text is no such value. */
  fromText(text: string): T | undefined;
  /** Why a value of the right type is still unusable; undefined when it is fine. */
  problemOf(value: T): string | undefined;
  /** The value as TOML. */
  toToml(value: T): string;
}

type Check<T> = (value: T) => string | undefined;

const anything = (): undefined => undefined;

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isStringList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isString);
}

function isStringMap(value: unknown): value is Readonly<Record<string, string>> {
  return isTomlTable(value) && Object.values(value).every(isString);
}

/** Whether a parsed TOML value is a table (a date is an object too). */
export function isTomlTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** A string that `check` finds no fault with. */
export function stringType(placeholder: string, check: Check<string> = anything): ValueType<string> {
  return {
    name: 'string',
    placeholder,
    isList: false,
    accepts: isString,
    fromText: (value) => value,
    problemOf: check,
    toToml: (value) => JSON.stringify(value),
  };
}

/** One of a few words. */
export function wordType<W extends string>(...words: readonly W[]): ValueType<W> {
  const list = words.map((word) => `"${word}"`).join(', ');
  return {
    ...(stringType(words.filter((word) => word !== '').join('|')) as unknown as ValueType<W>),
    problemOf: (value) => (words.includes(value) ? undefined : `"${value}" is none of ${list}`),
  };
}

/** An integer that `check` finds no fault with. */
export function integerType(placeholder: string, check: Check<number> = anything): ValueType<number> {
  return {
    name: 'integer',
    placeholder,
    isList: false,
    accepts: (value): value is number => Number.isInteger(value),
    fromText: (value) => (/^[+-]?\d+$/.test(value.trim()) ? Number(value) : undefined),
    problemOf: check,
    toToml: String,
  };
}

/** Strings, each of which `check` finds no fault with. */
export function listType(placeholder: string, check: Check<string> = anything): ValueType<readonly string[]> {
  return {
    name: 'list of strings',
    placeholder,
    isList: true,
    accepts: isStringList,
    fromText: (value) =>
      value === ''
        ? []
        : value
            .split(',')
            .map((item) => item.trim())
            .filter((item) => item !== ''),
    problemOf: (value) => value.map(check).find((problem) => problem !== undefined),
    toToml: (value) => `[${value.map((item) => JSON.stringify(item)).join(', ')}]`,
  };
}

export const booleanType: ValueType<boolean> = {
  name: 'boolean',
  placeholder: '',
  isList: false,
  accepts: (value): value is boolean => typeof value === 'boolean',
  // The spellings that Go's flag package takes, because nodes have them in their environment files.
  fromText: (value) =>
    /^(1|t|true)$/i.test(value) ? true : /^(0|f|false)$/i.test(value) ? false : undefined,
  problemOf: anything,
  toToml: String,
};

export const stringMapType: ValueType<Readonly<Record<string, string>>> = {
  name: 'table of strings',
  placeholder: 'KEY=VALUE',
  isList: false,
  accepts: isStringMap,
  fromText: () => undefined,
  problemOf: anything,
  toToml: (value) => {
    const items = Object.entries(value).map(
      ([key, item]) => `${JSON.stringify(key)} = ${JSON.stringify(item)}`,
    );
    return items.length === 0 ? '{}' : `{ ${items.join(', ')} }`;
  },
};
