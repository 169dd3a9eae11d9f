// The part of YAML that registries.d files are written in: maps of maps of scalars, by indentation. Pure.
//
// A construct outside it is an error that names the line, never a guess.

export type YamlMap = { readonly [key: string]: string | YamlMap };

interface Line {
  readonly number: number;
  readonly indent: number;
  readonly key: string;
  /** Undefined where a map follows. */
  readonly value: string | undefined;
}

/** Quoted, or plain: without signs that mean something in YAML, and "#" only inside a word. */
const scalar = `"(?:[^"\\\\]|\\\\["\\\\/])*"|'(?:[^']|'')*'|[^\\s#"'{}[\\],&*!|>%@\`-](?:[^#"'{}[\\]]|(?<=\\S)#)*?`;
const linePattern = new RegExp(`^( *)(${scalar})\\s*:(?:\\s+(${scalar}))?\\s*(?:\\s#.*)?$`);

/** Reads the document; throws an Error that names the line it does not understand. */
export function parseYamlMap(text: string): YamlMap {
  const lines = text.split(/\r?\n/).flatMap((line, index) => parseLine(line, index + 1) ?? []);
  const first = lines[0]?.indent ?? 0;
  const { map, next } = readMap(lines, 0, first);
  if (next < lines.length) throw problem(lines[next]?.number ?? 0, 'its indentation fits no line above');
  return map;
}

function parseLine(text: string, number: number): Line | undefined {
  if (/^\s*(#.*)?$/.test(text) || /^---\s*(#.*)?$/.test(text)) return undefined;
  if (/^\s*\t/.test(text)) throw problem(number, 'tabs are not allowed for indentation');
  const [, indent, key, value] = linePattern.exec(text) ?? [];
  if (indent === undefined || key === undefined) throw problem(number, 'expected "key:" or "key: value"');
  return {
    number,
    indent: indent.length,
    key: unquoted(key),
    value: value === undefined ? undefined : unquoted(value),
  };
}

function readMap(lines: readonly Line[], start: number, indent: number): { map: YamlMap; next: number } {
  const entries = new Map<string, string | YamlMap>();
  let at = start;
  for (let line = lines[at]; line !== undefined && line.indent === indent; line = lines[at]) {
    if (entries.has(line.key)) throw problem(line.number, `"${line.key}" is there twice`);
    at += 1;
    const below = lines[at];
    if (line.value !== undefined) {
      entries.set(line.key, line.value);
    } else if (below !== undefined && below.indent > indent) {
      const inner = readMap(lines, at, below.indent);
      entries.set(line.key, inner.map);
      at = inner.next;
    } else {
      entries.set(line.key, {});
    }
  }
  return { map: Object.fromEntries(entries), next: at };
}

function unquoted(text: string): string {
  if (text.startsWith('"')) return text.slice(1, -1).replace(/\\(.)/g, '$1');
  if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  return text.trim();
}

function problem(number: number, what: string): Error {
  return new Error(`line ${number}: ${what}`);
}
