// JSON that other tools wrote, kept to the letter: a number above 2^53 or an escape comes back as it was, although
// JSON.parse and JSON.stringify would write it in another way.

const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}]|[^\s,:"[\]{}]+/g;
/** Numbers that a double may not hold or would be written in another form, and escapes. */
const fragile = /\\u|(?:"\s*:|[[,])\s*-?\d*(?:\d{16}|\d\.|\d[eE])/;

/** Whether rewriting this JSON from its parsed value could change what it says or how. */
export function isFragile(json: string): boolean {
  return fragile.test(json);
}

interface Part {
  /** Undefined in an array. */
  readonly key: string | undefined;
  readonly source: string;
}

/** The members of an object or the elements of an array, each as the text that stands there. The JSON must be valid. */
export function partsOf(json: string): Part[] {
  const isObject = json.trimStart().startsWith('{');
  const parts: Part[] = [];
  let depth = 0;
  let startsAt = 0;
  let key: string | undefined;
  const add = (from: number, to: number): void => {
    parts.push({ key, source: json.slice(from, to) });
    key = undefined;
  };
  for (const { 0: token, index } of json.matchAll(tokens)) {
    if (token === '{' || token === '[') {
      depth += 1;
      if (depth === 2) startsAt = index;
    } else if (token === '}' || token === ']') {
      depth -= 1;
      if (depth === 1) add(startsAt, index + 1);
    } else if (depth === 1) {
      if (isObject && key === undefined) key = JSON.parse(token) as string;
      else add(index, index + token.length);
    }
  }
  return parts;
}

/** JSON of `value`, with every part that is still as in `source` written as it stands there. */
export function stringifyLike(value: unknown, source: string | undefined): string {
  if (source === undefined) return JSON.stringify(value);
  if (typeof value !== 'object' || value === null) {
    return Object.is(JSON.parse(source), value) ? source : JSON.stringify(value);
  }
  const isArray = Array.isArray(value);
  if (!source.startsWith(isArray ? '[' : '{')) return JSON.stringify(value);
  const parts = partsOf(source);
  if (isArray) return `[${value.map((item, at) => stringifyLike(item, parts[at]?.source)).join(',')}]`;
  const known = new Map(parts.map((part) => [part.key, part.source]));
  const members = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => `${JSON.stringify(key)}:${stringifyLike(item, known.get(key))}`);
  return `{${members.join(',')}}`;
}
