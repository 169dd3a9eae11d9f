// CRC-64/GO-ISO, which tar-split keeps for every file, eight bytes at a time. The 64 bits live in two 32-bit halves:
// BigInt would be a hundred times slower.

const polynomialHigh = 0xd8000000;

/** Eight tables of 256 entries each: table k advances a byte by k more bytes. */
const low = new Uint32Array(8 * 256);
const high = new Uint32Array(8 * 256);

for (let byte = 0; byte < 256; byte += 1) {
  let [lo, hi] = [byte, 0];
  for (let bit = 0; bit < 8; bit += 1) {
    const carry = lo & 1;
    lo = ((lo >>> 1) | (hi << 31)) >>> 0;
    hi = carry === 1 ? ((hi >>> 1) ^ polynomialHigh) >>> 0 : hi >>> 1;
  }
  low[byte] = lo;
  high[byte] = hi;
}
for (let at = 256; at < 8 * 256; at += 1) {
  const [lo, hi] = [low[at - 256] as number, high[at - 256] as number];
  const next = lo & 0xff;
  low[at] = ((lo >>> 8) | (hi << 24)) ^ (low[next] as number);
  high[at] = (hi >>> 8) ^ (high[next] as number);
}

/** A running checksum of one file. */
export class Crc64 {
  #low = 0xffffffff;
  #high = 0xffffffff;

  reset(): void {
    this.#low = 0xffffffff;
    this.#high = 0xffffffff;
  }

  update(data: Uint8Array): void {
    let [lo, hi] = [this.#low, this.#high];
    const whole = data.length - (data.length % 8);
    let at = 0;
    for (; at < whole; at += 8) {
      const a = 0x700 | ((lo ^ (data[at] as number)) & 0xff);
      const b = 0x600 | (((lo >>> 8) ^ (data[at + 1] as number)) & 0xff);
      const c = 0x500 | (((lo >>> 16) ^ (data[at + 2] as number)) & 0xff);
      const d = 0x400 | ((lo >>> 24) ^ (data[at + 3] as number));
      const e = 0x300 | ((hi ^ (data[at + 4] as number)) & 0xff);
      const f = 0x200 | (((hi >>> 8) ^ (data[at + 5] as number)) & 0xff);
      const g = 0x100 | (((hi >>> 16) ^ (data[at + 6] as number)) & 0xff);
      const h = (hi >>> 24) ^ (data[at + 7] as number);
      lo =
        (low[a] as number) ^
        (low[b] as number) ^
        (low[c] as number) ^
        (low[d] as number) ^
        (low[e] as number) ^
        (low[f] as number) ^
        (low[g] as number) ^
        (low[h] as number);
      hi =
        (high[a] as number) ^
        (high[b] as number) ^
        (high[c] as number) ^
        (high[d] as number) ^
        (high[e] as number) ^
        (high[f] as number) ^
        (high[g] as number) ^
        (high[h] as number);
    }
    for (; at < data.length; at += 1) {
      const next = (lo ^ (data[at] as number)) & 0xff;
      lo = ((lo >>> 8) | (hi << 24)) ^ (low[next] as number);
      hi = (hi >>> 8) ^ (high[next] as number);
    }
    this.#low = lo;
    this.#high = hi;
  }

  /** The checksum so far, big-endian. */
  digest(): Buffer {
    const out = Buffer.alloc(8);
    out.writeUInt32BE((this.#high ^ 0xffffffff) >>> 0, 0);
    out.writeUInt32BE((this.#low ^ 0xffffffff) >>> 0, 4);
    return out;
  }
}
