// The buffer of a thread into which layers are decoded. It lies in the memory of a WebAssembly module, which makes the
// checksums of what is in it eight times as fast.

import { carryBytes, foldModule, windowBytes } from './crc64-module.ts';

const pageBytes = 64 * 1024;
/** What is folded at a time, so that the module's notes stay in the core's nearest cache. */
const sliceBytes = 16 * 1024;
const scratchBytes = carryBytes + windowBytes + sliceBytes;

/** The part of WebAssembly that is used here; the types of Node know none of it. */
interface Assembly {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Instance: new (module: object, imports: object) => { readonly exports: { readonly fold: Fold } };
}

type Fold = (data: number, scratch: number, bytes: number) => void;

/** A rest of 64 words, low and high halves in turn, whose checksum is that of all that was folded. */
export type FoldedWords = Int32Array;

export class ChunkMemory {
  readonly buffer: Buffer;
  readonly #fold: Fold | undefined;
  readonly #scratch: number;
  readonly #notes: Int32Array;

  /** Where the machine has no WebAssembly with vectors it is a mere buffer. */
  constructor(bytes: number) {
    this.#scratch = bytes;
    const made = instance(bytes + scratchBytes);
    this.#fold = made?.fold;
    const memory = made?.memory ?? new ArrayBuffer(bytes + scratchBytes);
    this.buffer = Buffer.from(memory, 0, bytes);
    this.#notes = new Int32Array(memory, bytes, scratchBytes / 4);
  }

  /** Whether the data lies in the buffer, and this machine can fold it there. */
  has(data: Uint8Array): boolean {
    return this.#fold !== undefined && data.buffer === this.buffer.buffer;
  }

  /**
   * Folds data of the buffer into what is to be added to the 64 words behind it. Its length is a multiple of 16 and not 0;
   * low and high are the checksum before it.
   */
  fold(data: Uint8Array, low: number, high: number): FoldedWords {
    const notes = this.#notes;
    const window = carryBytes / 4;
    notes.fill(0, 0, window + windowBytes / 4);
    // In the place of u[-63], which only s[0] takes.
    notes[window + 2] = low;
    notes[window + 3] = high;
    for (let at = 0; at < data.length; at += sliceBytes) {
      const bytes = Math.min(sliceBytes, data.length - at);
      this.#fold?.(data.byteOffset + at, this.#scratch, bytes);
      notes.copyWithin(window, window + bytes / 4, window + (bytes + windowBytes) / 4);
    }
    return this.#rest(notes.subarray(window, window + windowBytes / 4));
  }

  /** From the last 64 u and the last s: all 64 s, then what they become in the words that follow. */
  #rest(u: Int32Array): FoldedWords {
    const words = u.length;
    const s = new Int32Array(words);
    let [low, high] = [this.#notes[2] as number, this.#notes[3] as number];
    for (let at = words - 2; at >= 0; at -= 2) {
      s[at] = low;
      s[at + 1] = high;
      low ^= u[at] as number;
      high ^= u[at + 1] as number;
    }
    const rest = new Int32Array(words);
    for (let at = 0; at < words; at += 1) {
      // Beyond the end there is nothing: `undefined` counts as 0.
      rest[at] = (s[at] as number) ^ (s[at + 2] ?? 0) ^ (s[at + 6] ?? 0) ^ (s[at + 8] ?? 0);
    }
    return rest;
  }
}

function instance(bytes: number): { fold: Fold; memory: ArrayBuffer } | undefined {
  const { WebAssembly: assembly } = globalThis as unknown as { readonly WebAssembly?: Assembly };
  if (assembly === undefined) return undefined; // as under --jitless
  try {
    const pages = Math.ceil(bytes / pageBytes);
    const own = new assembly.Memory({ initial: pages, maximum: pages });
    const { exports } = new assembly.Instance(new assembly.Module(foldModule()), { memory: { own } });
    return { fold: exports.fold, memory: own.buffer };
  } catch {
    return undefined; // no vectors
  }
}
