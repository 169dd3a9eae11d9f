// CRC-64/GO-ISO, which tar-split keeps for every file. Its polynomial, x^64 + x^4 + x^3 + x + 1, is so sparse that eight
// bytes take a few shifts and no large table. The 64 bits live in two 32-bit halves: BigInt would be a hundred times slower.

import type { ChunkMemory } from './chunk-memory.ts';
import { windowBytes } from './crc64-module.ts';

/** The polynomial without x^64, lowest power first, as all here: a multiplication by x is a shift to the right. */
const polynomialHigh = 0xd8000000;

/** What comes back of the bits that a multiplication by x^4 + x^3 + x + 1 pushes out, by the lowest four bits before it. */
const pushedOut = new Int32Array(16);
/** A byte multiplied by x^8. */
const byteLow = new Int32Array(256);
const byteHigh = new Int32Array(256);

/** Multiplies by x^`power`. */
function shifted(low: number, power: number): [low: number, high: number] {
  let [lo, hi] = [low, 0];
  for (let step = 0; step < power; step += 1) {
    const carry = lo & 1;
    lo = (lo >>> 1) | (hi << 31);
    hi = carry === 1 ? (hi >>> 1) ^ polynomialHigh : hi >>> 1;
  }
  return [lo, hi];
}

for (let bits = 0; bits < 16; bits += 1) [, pushedOut[bits]] = shifted(bits, 64) as [number, number];
for (let byte = 0; byte < 256; byte += 1)
  [byteLow[byte], byteHigh[byte]] = shifted(byte, 8) as [number, number];

/** Folding has its price: less is done word by word. */
const foldFromBytes = 2048;

/** A running checksum of one file; that of bytes in `memory` costs least. */
export class Crc64 {
  readonly #memory: ChunkMemory | undefined;
  #low = -1;
  #high = -1;

  constructor(memory?: ChunkMemory) {
    this.#memory = memory;
  }

  reset(): void {
    this.#low = -1;
    this.#high = -1;
  }

  update(data: Uint8Array): void {
    if (data.length < foldFromBytes || this.#memory?.has(data) !== true) {
      this.#words(data);
      return;
    }
    const folded = data.length - windowBytes - (data.length % 16);
    const rest = this.#memory.fold(data.subarray(0, folded), this.#low, this.#high);
    [this.#low, this.#high] = [0, 0]; // what was before is in the rest
    this.#words(data.subarray(folded, folded + windowBytes), rest);
    this.#words(data.subarray(folded + windowBytes));
  }

  /** Word by word, each with the one of `rest` added. */
  #words(data: Uint8Array, rest?: Int32Array): void {
    let [lo, hi] = [this.#low, this.#high];
    const words = new DataView(data.buffer, data.byteOffset, data.length);
    const whole = data.length - (data.length % 8);
    let at = 0;
    for (; at < whole; at += 8) {
      // Times x^64, which is x^4 + x^3 + x + 1.
      let l = lo ^ words.getInt32(at, true);
      let h = hi ^ words.getInt32(at + 4, true);
      if (rest !== undefined) {
        l ^= rest[at >> 2] as number;
        h ^= rest[(at >> 2) + 1] as number;
      }
      lo = l ^ ((l >>> 1) | (h << 31)) ^ ((l >>> 3) | (h << 29)) ^ ((l >>> 4) | (h << 28));
      hi = h ^ (h >>> 1) ^ (h >>> 3) ^ (h >>> 4) ^ (pushedOut[l & 15] as number);
    }
    for (; at < data.length; at += 1) {
      const next = (lo ^ (data[at] as number)) & 0xff;
      lo = ((lo >>> 8) | (hi << 24)) ^ (byteLow[next] as number);
      hi = (hi >>> 8) ^ (byteHigh[next] as number);
    }
    this.#low = lo;
    this.#high = hi;
  }

  /** The checksum so far, big-endian. */
  digest(): Buffer {
    const out = Buffer.alloc(8);
    out.writeInt32BE(~this.#high, 0);
    out.writeInt32BE(~this.#low, 4);
    return out;
  }
}
