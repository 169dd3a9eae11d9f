// How a layer blob is compressed.

import { LayerError } from './layer-error.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** Bytes that `compressionOf` wants to see, unless the blob is shorter. */
const magicBytes = 6;

/** Goes by the first bytes and never by a media type, which registries and tools get wrong. */
export function compressionOf(start: Uint8Array): Compression {
  const magic = Buffer.from(start.subarray(0, magicBytes)).toString('hex');
  if (magic.startsWith('1f8b')) return 'gzip';
  if (magic.startsWith('28b52ffd') || /^5[0-9a-f]2a4d18/.test(magic)) return 'zstd';
  if (magic.startsWith('425a68'))
    throw new LayerError('unimplemented', 'is compressed with bzip2; store it as gzip');
  if (magic.startsWith('fd377a585a00'))
    throw new LayerError('unimplemented', 'is compressed with xz; store it as gzip');
  return 'none';
}
