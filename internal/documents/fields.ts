// Reads the fields of a parsed document with their types; a wrong one is named by its path.

/** What is wrong with a file, for a sentence that begins with the file's name. */
export class FileError extends Error {
  override readonly name = 'FileError';
}

export class Fields {
  /** Path of this object in the document, such as `devices[0].containerEdits`. */
  readonly where: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(value: unknown, where: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new FileError(`${where === '' ? 'the document' : where} is not an object`);
    this.where = where;
    this.#values = value as Readonly<Record<string, unknown>>;
  }

  /** Empty when absent. */
  text(name: string): string {
    const value = this.#values[name] ?? '';
    if (typeof value !== 'string') throw new FileError(`${this.#path(name)} is not a string`);
    return value;
  }

  /** The same, also of a number: Go's reader of YAML takes `name: 0` for the text that it looks like. */
  textOrNumber(name: string): string {
    const value = this.#values[name];
    return typeof value === 'number' ? String(value) : this.text(name);
  }

  /** Text that has to be there. */
  required(name: string): string {
    const text = this.text(name);
    if (text === '') throw new FileError(`${this.#path(name)} is missing`);
    return text;
  }

  /** An absolute path that has to be there. */
  absolutePath(name: string): string {
    const path = this.required(name);
    if (path.startsWith('/') && !path.includes('\0')) return path;
    throw new FileError(`${this.#path(name)} "${path}" is not an absolute path`);
  }

  /** Undefined when absent. */
  flag(name: string): boolean | undefined {
    if (!this.has(name)) return undefined;
    const value = this.#values[name];
    if (typeof value !== 'boolean') throw new FileError(`${this.#path(name)} is not true or false`);
    return value;
  }

  /** Texts by their names; empty when absent. */
  table(name: string): Readonly<Record<string, string>> {
    const fields = this.object(name);
    return Object.fromEntries(Object.keys(fields.#values).map((key) => [key, fields.text(key)]));
  }

  /** A whole number from 0 to 2^32 - 1; undefined when absent. */
  count(name: string): number | undefined {
    return this.has(name) ? this.#whole(this.#values[name], this.#path(name)) : undefined;
  }

  /** Empty when absent. */
  texts(name: string): string[] {
    return this.#items(name).map((item, index) => {
      if (typeof item === 'string') return item;
      throw new FileError(`${this.#path(name)}[${index}] is not a string`);
    });
  }

  counts(name: string): number[] {
    return this.#items(name).map((item, index) => this.#whole(item, `${this.#path(name)}[${index}]`));
  }

  list(name: string): Fields[] {
    return this.#items(name).map((item, index) => new Fields(item, `${this.#path(name)}[${index}]`));
  }

  /** One without fields when absent. */
  object(name: string): Fields {
    return new Fields(this.#values[name] ?? {}, this.#path(name));
  }

  names(): string[] {
    return Object.keys(this.#values);
  }

  /** Throws for a name that is none of these, for documents in which nothing may be ignored. */
  allowOnly(names: readonly string[]): void {
    const extra = this.names().find((name) => !names.includes(name));
    if (extra !== undefined) throw new FileError(`${this.#path(extra)} is not known`);
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined && this.#values[name] !== null;
  }

  #items(name: string): unknown[] {
    const value = this.#values[name] ?? [];
    if (!Array.isArray(value)) throw new FileError(`${this.#path(name)} is not a list`);
    return value;
  }

  #whole(value: unknown, path: string): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff)
      return value;
    throw new FileError(`${path} is not a whole number from 0 to 4294967295`);
  }

  #path(name: string): string {
    return this.where === '' ? name : `${this.where}.${name}`;
  }
}
