// How images look to people and to programs.

import type { Image } from '../../../internal/image/images.ts';
import type { ImageDetails } from '../../../internal/image/inspect-image.ts';
import type { PrunePlan } from '../../../internal/image/prune-images.ts';
import { formatTable } from './table.ts';

/** `12.3 MB`: decimal units, as registries and disks are sold. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [bytes, 0];
  for (; value >= 1000 && unit < units.length - 1; unit += 1) value /= 1000;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** The images as a table, one line per name. */
export function formatImages(images: readonly Image[]): string {
  const rows = images.flatMap((image) =>
    shownNames(image).map((name) => [
      name,
      image.id.slice(0, 13),
      formatBytes(image.sizeBytes),
      image.createdAt.toISOString().slice(0, 10),
    ]),
  );
  return formatTable([['IMAGE', 'ID', 'SIZE', 'CREATED'], ...rows]);
}

function shownNames({ repoTags, repoDigests }: Image): readonly string[] {
  if (repoTags.length > 0) return repoTags;
  return repoDigests.length > 0 ? repoDigests : ['<none>'];
}

/** The run configuration as `docker inspect` has it; what is not there is not shown. */
interface ShownConfig {
  readonly os?: unknown;
  readonly architecture?: unknown;
  readonly config?: Readonly<Record<string, unknown>> | null;
}

/** One image in full. */
export function formatDetails(image: ImageDetails): string {
  const { config, os, architecture } = image.config as ShownConfig;
  const run = Object.entries(config ?? {}).filter(([, value]) => value !== null && value !== '');
  const lines: [label: string, values: readonly string[]][] = [
    ['Id', [image.id]],
    ['Tags', image.repoTags],
    ['Digests', image.repoDigests],
    ['Manifest', [image.manifestDigest ?? 'unknown']],
    ['Created', [image.createdAt.toISOString()]],
    ['Platform', [`${JSON.stringify(os)}/${JSON.stringify(architecture)}`]],
    ['Size', [`${formatBytes(image.sizeBytes)}${image.pinned ? ', pinned' : ''}`]],
    ['Signatures', [String(image.signatures)]],
    ...run.map(([key, value]): [string, string[]] => [knownKey(key), shownValue(value)]),
    ['Layers', image.layers.map(layerText)],
    ['Used by', image.usedBy.map(({ containerId, names }) => [containerId.slice(0, 13), ...names].join(' '))],
  ];
  return lines.map(([label, values]) => field(label, values)).join('');
}

function layerText({ diffId, diffSizeBytes, blobSizeBytes }: ImageDetails['layers'][number]): string {
  const packed = blobSizeBytes === undefined ? '' : `, ${formatBytes(blobSizeBytes)} compressed`;
  return `${diffId}  ${formatBytes(diffSizeBytes)}${packed}`;
}

/** Untrusted text: an image's maker wrote it, so it is quoted, which also takes a terminal's control signs out. */
function shownValue(value: unknown): string[] {
  if (Array.isArray(value)) return value.map((item) => JSON.stringify(item));
  if (typeof value !== 'object' || value === null) return [JSON.stringify(value)];
  return Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${JSON.stringify(item)}`);
}

/** A key of the configuration is the image maker's text too. */
function knownKey(key: string): string {
  return /^\w+$/.test(key) ? key : JSON.stringify(key);
}

function field(label: string, values: readonly string[]): string {
  const [first = '-', ...others] = values;
  return [
    `${`${label}:`.padEnd(14)}${first}\n`,
    ...others.map((value) => `${' '.repeat(14)}${value}\n`),
  ].join('');
}

/** What a prune did, or would do. */
export function formatPruned({ images, freedBytes }: PrunePlan, dryRun: boolean): string {
  const rows = images.map((image) => [
    dryRun ? 'would remove' : 'removed',
    image.id.slice(0, 13),
    shownNames(image).join(' '),
  ]);
  const count = images.length === 1 ? '1 image' : `${images.length} images`;
  return `${formatTable(rows)}${count}, ${formatBytes(freedBytes)} ${dryRun ? 'would be freed' : 'freed'}\n`;
}
