// Everything that is known of one stored image.

import type { ContainerUse, ImageLayer, ImageRecords } from '../storage/store.ts';
import type { Image } from './images.ts';
import { parseJson } from './json-object.ts';

export interface ImageDetails extends Image {
  readonly manifestDigest: string | undefined;
  readonly layers: readonly Omit<ImageLayer, 'parentId'>[];
  /** Containers of every tool on the store. */
  readonly usedBy: readonly ContainerUse[];
  readonly signatures: number;
  /** The OCI image config as it is. */
  readonly config: unknown;
}

/** Reads the image's documents. */
export async function inspectImage(records: ImageRecords, image: Image): Promise<ImageDetails> {
  const [config, signed] = await Promise.all([
    records.readConfig(image.id),
    records.readSignatures(image.id),
  ]);
  return {
    ...image,
    manifestDigest: records.get(image.id)?.manifestDigest,
    layers: records.layersOf(image.id).map(({ parentId: _, ...layer }) => layer),
    usedBy: records.usersOf(image.id),
    signatures: signed.reduce((sum, { signatures }) => sum + signatures.length, 0),
    config: parseJson(config, 'config'),
  };
}
