// From blob bytes to tar bytes.

import type { Compression } from './compression.ts';
import { LayerError } from './layer-error.ts';

/** Takes tar bytes, which it must not keep. */
export type TarSink = (bytes: Buffer) => void;

/** Gives tar bytes to its sink, whose errors come out as they are; those of the blob are LayerErrors. */
export interface Decoder {
  /** The next piece of the blob; its memory is free again when the call has ended. */
  write(piece: Buffer): void | Promise<void>;
  /** All tar bytes were given when it has ended. */
  end(): void | Promise<void>;
  /** Frees native memory, which outlives a thread that is merely ended. Must be called, also after `end`. */
  close(): void;
}

/** Fits into a core's own cache together with what is done to it: decode, hash, check, write. */
export const chunkBytes = 256 * 1024;

/** What a decoder says of a blob whose bytes are wrong. */
export function damaged(compression: Compression, cause: unknown): LayerError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new LayerError('failed-precondition', `is damaged: ${compression}: ${text}`);
}
