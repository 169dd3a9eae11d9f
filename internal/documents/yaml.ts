// YAML documents, JSON among them, as values.

import { parse, type ScalarTag } from 'yaml';
import { describeError } from '../errors/daemon-error.ts';
import { FileError } from './fields.ts';

/** YAML 1.1, by which the container tools of the world read: 0660 is octal, as the mode of a file is written. */
const leadingZero: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  format: 'OCT',
  test: /^0[0-7]+$/,
  resolve: (text) => Number.parseInt(text, 8),
};

/** Throws a FileError with the line of the mistake. A key that is there twice is one; aliases are bounded. */
export function parseYaml(text: string): unknown {
  try {
    return parse(text, {
      maxAliasCount: 100,
      prettyErrors: true,
      customTags: (tags) => [leadingZero, ...tags],
    });
  } catch (cause) {
    const [words = ''] = describeError(cause).split('\n'); // the rest shows the place
    throw new FileError(`it is neither JSON nor YAML: ${words.replace(/:$/, '')}`);
  }
}
