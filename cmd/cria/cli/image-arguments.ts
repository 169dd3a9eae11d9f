// What `cria image ...` is asked, and how a list of images looks.

import type { Image } from '../../../internal/image/images.ts';
import type { CommandLine } from './parse-arguments.ts';
import { UsageError } from './usage-error.ts';

export type ImageCommand =
  | { readonly action: 'load'; readonly path: string; readonly names: readonly string[] }
  | { readonly action: 'pull'; readonly reference: string }
  | { readonly action: 'list'; readonly json: boolean }
  | { readonly action: 'remove'; readonly reference: string };

/** The image command of a command line whose verb is one of `image`. */
export function imageCommand({ verb, positionals, flags }: CommandLine): ImageCommand {
  const [operand = ''] = positionals;
  switch (verb.name) {
    case 'image load': {
      const names = flags.flatMap(({ name, value }) =>
        name === 'name' && value !== undefined ? [value] : [],
      );
      return { action: 'load', path: operand, names };
    }
    case 'image pull':
      return { action: 'pull', reference: operand };
    case 'image list':
      return { action: 'list', json: flags.some(({ name }) => name === 'json') };
    case 'image remove':
      return { action: 'remove', reference: operand };
    default:
      throw new UsageError(`unknown command "${verb.name}"`);
  }
}

/** The images as a table for people, one line per name, or as JSON for programs. */
export function formatImages(images: readonly Image[], json: boolean): string {
  if (json) return `${JSON.stringify(images, undefined, 2)}\n`;
  const rows = images.flatMap((image) => {
    const names = [...image.repoTags, ...(image.repoTags.length === 0 ? image.repoDigests : [])];
    return (names.length === 0 ? ['<none>'] : names).map((name) => [
      name,
      image.id.slice(0, 13),
      `${(image.sizeBytes / 1e6).toFixed(1)} MB`,
      image.createdAt.toISOString().slice(0, 10),
    ]);
  });
  const table = [['IMAGE', 'ID', 'SIZE', 'CREATED'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table.map((row) => `${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}\n`).join('');
}
