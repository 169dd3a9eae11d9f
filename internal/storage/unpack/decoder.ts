// Finds out how a layer blob is compressed and turns it into tar bytes. The work of zlib is done on the pool's threads,
// while the worker writes files: it touches no file, so it needs no confinement.

import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { createZstdDecoder } from '../../sys/zstd.ts';
import { LayerError } from './layer-error.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** Bytes that `compressionOf` wants to see, unless the blob is shorter. */
export const magicBytes = 6;
const chunkBytes = 256 * 1024;

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

/** A stream from blob bytes to tar bytes; undefined when they are the same. */
export function decoderOf(compression: Compression): Transform | undefined {
  if (compression === 'none') return undefined;
  if (compression === 'gzip') return zlib.createGunzip({ chunkSize: chunkBytes });
  // Node's own works on the pool's threads; the system's library is for a Node that has none.
  const { createZstdDecompress } = zlib as unknown as {
    createZstdDecompress?: (options: { chunkSize: number }) => Transform;
  };
  const decoder = createZstdDecompress?.({ chunkSize: chunkBytes }) ?? createZstdDecoder(chunkBytes);
  if (decoder !== undefined) return decoder;
  const need = 'which needs libzstd.so.1 on this machine, or Node 22.15 or later';
  throw new LayerError('unimplemented', `is compressed with zstd, ${need}`);
}
