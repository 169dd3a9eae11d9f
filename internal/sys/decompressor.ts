// What the system's decompressors have in common: they work in the calling thread, into one buffer that is used again.

/** Turns compressed bytes into plain ones, piece by piece. Throws an Error that says what is wrong with the bytes. */
export interface Decompressor {
  /** The next piece, when the one before is used up; it must stay as it is until then. */
  feed(piece: Uint8Array): void;
  /** The next plain bytes of the piece, valid until the next call; undefined when it is used up. */
  next(): Buffer | undefined;
  /** Throws unless the bytes are complete. */
  finish(): void;
  /** Must be called once, at the end. */
  free(): void;
}
