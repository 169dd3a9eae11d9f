// What `cria image ...` is asked.

import type { SaveFormat } from '../../../internal/image/save-image.ts';
import type { CommandLine } from './parse-arguments.ts';
import { UsageError } from './usage-error.ts';

export type ImageCommand =
  | {
      readonly action: 'pull';
      readonly reference: string;
      readonly namespace: string;
      readonly quiet: boolean;
      readonly json: boolean;
    }
  | {
      readonly action: 'load';
      readonly path: string;
      readonly names: readonly string[];
      readonly json: boolean;
    }
  | {
      readonly action: 'save';
      readonly references: readonly string[];
      readonly format: SaveFormat;
      /** Undefined for standard output. */
      readonly output: string | undefined;
    }
  | { readonly action: 'list'; readonly json: boolean; readonly quiet: boolean }
  | { readonly action: 'inspect'; readonly references: readonly string[]; readonly json: boolean }
  | { readonly action: 'remove'; readonly references: readonly string[]; readonly json: boolean }
  | { readonly action: 'prune'; readonly all: boolean; readonly dryRun: boolean; readonly json: boolean };

/** The image command of a command line whose verb is one of `image`. */
export function imageCommand({ verb, positionals, flags }: CommandLine): ImageCommand {
  const [operand = ''] = positionals;
  const has = (wanted: string): boolean => flags.some(({ name }) => name === wanted);
  const values = (wanted: string): string[] =>
    flags.flatMap(({ name, value }) => (name === wanted && value !== undefined ? [value] : []));
  const json = has('json');
  switch (verb.name) {
    case 'image pull': {
      const namespace = values('namespace').at(-1) ?? '';
      return { action: 'pull', reference: operand, namespace, quiet: has('quiet'), json };
    }
    case 'image load':
      return { action: 'load', path: operand, names: values('name'), json };
    case 'image save': {
      const output = values('output').at(-1) ?? '-';
      const format = saveFormat(values('format').at(-1) ?? 'oci');
      return { action: 'save', references: positionals, format, output: output === '-' ? undefined : output };
    }
    case 'image list':
      return { action: 'list', json, quiet: has('quiet') };
    case 'image inspect':
      return { action: 'inspect', references: positionals, json };
    case 'image remove':
      return { action: 'remove', references: positionals, json };
    case 'image prune':
      return { action: 'prune', all: has('all'), dryRun: has('dry-run'), json };
    default:
      throw new UsageError(`unknown command "${verb.name}"`);
  }
}

function saveFormat(text: string): SaveFormat {
  if (text === 'oci' || text === 'docker') return text;
  throw new UsageError(`--format is "${text}", expected "oci" or "docker"`);
}
