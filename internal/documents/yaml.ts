// YAML documents, JSON among them, as values.

import { parse } from 'yaml';
import { describeError } from '../errors/daemon-error.ts';
import { FileError } from './fields.ts';

/** Throws a FileError with the line of the mistake. A key that is there twice is one; aliases are bounded. */
export function parseYaml(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 100, prettyErrors: true });
  } catch (cause) {
    throw new FileError(`it is neither JSON nor YAML: ${describeError(cause).split('\n')[0]}`);
  }
}
