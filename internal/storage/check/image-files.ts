// An image's record against its documents.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isENOENT } from '../../errors/errno.ts';
import type { ImageRecord } from '../image-record.ts';
import type { StorePaths } from '../store-paths.ts';
import type { StoreState } from '../store-state.ts';
import type { Fault } from './layer-files.ts';

/** What is wrong with an image: missing or torn documents, and layers that are not there. */
export async function imageFaults(
  { forest }: StoreState,
  paths: StorePaths,
  record: ImageRecord,
): Promise<Fault[]> {
  const faults: Fault[] = [];
  for (const key of record['big-data-names'] ?? []) {
    const reason = await documentFault(paths, record, key);
    if (reason !== undefined) faults.push({ reason, cure: 'remove' });
  }
  const tops = [record.layer, ...(record['mapped-layers'] ?? [])].filter(
    (id) => id !== undefined && id !== '',
  );
  for (const top of tops as string[]) {
    if (forest.chain(top) !== undefined) continue;
    const what = forest.get(top) === undefined ? 'is gone' : 'is not whole';
    faults.push({ reason: `stands on layer "${top}", which ${what}`, cure: 'remove' });
  }
  return faults;
}

async function documentFault(
  paths: StorePaths,
  record: ImageRecord,
  key: string,
): Promise<string | undefined> {
  let data: Buffer;
  try {
    data = await readFile(paths.imageData(record.id, key));
  } catch (cause) {
    if (isENOENT(cause)) return `has lost its document "${key}"`;
    throw cause;
  }
  const size = record['big-data-sizes']?.[key];
  if (size !== undefined && size !== data.length)
    return `has a document "${key}" of ${data.length} bytes instead of ${size}`;
  const expected = /^(?:manifest-)?(sha256:[0-9a-f]{64})$/.exec(key)?.[1];
  const isSigned = key.startsWith('manifest-') && data.includes('"signatures"'); // schema 1 leaves them out of the digest
  if (expected === undefined || isSigned) return undefined;
  const digest = `sha256:${createHash('sha256').update(data).digest('hex')}`;
  return digest === expected ? undefined : `has a document "${key}" of another digest, ${digest}`;
}
