// Bytes that wait for somebody, without the rest of what they came in.

/** Of the memory that a piece holds it must be so much; a copy costs 0.3 µs. */
const leastPart = 1 / 4;

/**
 * `piece`, or a copy of its own where it is a small part of the memory that it would hold for as long as it waits. Limits count the
 * bytes that wait: who sends one byte to a stream that nobody reads, then much to one that is dropped, would hold 64 KiB with each.
 */
export function keptBytes(piece: Buffer): Buffer {
  if (piece.length >= piece.buffer.byteLength * leastPart) return piece;
  const own = Buffer.allocUnsafeSlow(piece.length); // from the pool it would hold 8 KiB
  own.set(piece);
  return own;
}
