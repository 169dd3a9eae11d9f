// WWW-Authenticate (RFC 9110 section 11): several headers, several challenges each, quoted strings with escapes.

export interface Challenge {
  /** Lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const token = "[A-Za-z0-9!#$%&'*+.^_`|~-]+";
const parameterPattern = new RegExp(`^(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))`);
/** A scheme, and the one opaque token that it may have instead of parameters (`Negotiate abc==`). */
const schemePattern = new RegExp(`^(${token})(?:[ \\t]+[A-Za-z0-9._~+/-]+=*(?=\\s*(?:,|$)))?`);

/** Reads all challenges in order; a header ends at the first piece that is no challenge. */
export function parseChallenges(headers: readonly string[]): Challenge[] {
  return headers.flatMap(parseHeader);
}

function parseHeader(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let parameters: Map<string, string> | undefined;
  let rest = skipSeparators(header);
  while (rest !== '') {
    const parameter = parameterPattern.exec(rest);
    if (parameter !== null && parameters !== undefined) {
      const [, name = '', quoted, plain] = parameter;
      parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '');
      rest = skipSeparators(rest.slice(parameter[0].length));
      continue;
    }
    const scheme = schemePattern.exec(rest);
    if (scheme === null) break;
    parameters = new Map();
    challenges.push({ scheme: (scheme[1] ?? '').toLowerCase(), parameters });
    rest = skipSeparators(rest.slice(scheme[0].length));
  }
  return challenges;
}

function skipSeparators(text: string): string {
  return text.replace(/^[\s,]+/, '');
}
