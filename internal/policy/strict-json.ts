// JSON that decides about trust: what is not understood, or said twice, is an error and never ignored.

export type JsonObject = Readonly<Record<string, unknown>>;

/** Parses JSON and refuses a key that an object has twice: two readers could take different values. */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  const value: unknown = JSON.parse(text);
  refuseDoubleKeys(text);
  return value;
}

/** Only for text that JSON.parse took: strings and brackets are all that has to be told apart. */
function refuseDoubleKeys(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  for (const [token, isKey] of tokensOf(text)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (isKey) {
      const keys = open.at(-1);
      const key: string = JSON.parse(token);
      if (keys?.has(key)) throw new Error(`key ${JSON.stringify(key)} is there twice`);
      keys?.add(key);
    }
  }
}

function* tokensOf(text: string): Generator<[token: string, isKey: boolean]> {
  for (const [, token = '', colon] of text.matchAll(/("(?:[^"\\]|\\.)*"|[{}[\]])\s*(:)?/g)) {
    yield [token, colon !== undefined];
  }
}

/** The value as an object with only these keys; `where` names it in errors. */
export function objectOf(value: unknown, where: string, allowed: readonly string[] | 'any'): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`${where} is not an object`);
  }
  const unknown = allowed === 'any' ? undefined : Object.keys(value).find((key) => !allowed.includes(key));
  if (unknown !== undefined) throw new Error(`${where} has an unknown key ${JSON.stringify(unknown)}`);
  return value as JsonObject;
}

/** The value as an object with exactly these keys. */
export function exactObjectOf(value: unknown, where: string, keys: readonly string[]): JsonObject {
  const object = objectOf(value, where, keys);
  const missing = keys.find((key) => !Object.hasOwn(object, key));
  if (missing !== undefined) throw new Error(`${where} has no key "${missing}"`);
  return object;
}

export function stringOf(value: unknown, where: string): string {
  if (typeof value !== 'string' || value === '') throw new Error(`${where} is not a non-empty string`);
  return value;
}

export function stringListOf(value: unknown, where: string): readonly string[] {
  if (!Array.isArray(value) || value.length === 0) throw new Error(`${where} is not a non-empty list`);
  return value.map((item, index) => stringOf(item, `${where}[${index}]`));
}
