// zstd through the system's libzstd.

import koffi from 'koffi';
import type { Decompressor } from './decompressor.ts';

/** libzstd with its functions; undefined on a machine without it. Loaded with the module: a confined thread cannot. */
const library = loadLibrary();

type Library = NonNullable<ReturnType<typeof loadLibrary>>;

function loadLibrary() {
  try {
    const zstd = koffi.load('libzstd.so.1');
    return {
      create: zstd.func('void *ZSTD_createDCtx()'),
      free: zstd.func('size_t ZSTD_freeDCtx(void *context)'),
      decompress: zstd.func(
        'size_t ZSTD_decompressStream_simpleArgs(void *context, void *out, size_t outSize, void *outAt, const void *in, size_t inSize, void *inAt)',
      ),
      isError: zstd.func('unsigned int ZSTD_isError(size_t code)'),
      errorName: zstd.func('const char *ZSTD_getErrorName(size_t code)'),
    };
  } catch {
    return undefined;
  }
}

/** A decompressor of zstd frames (skippable ones too), whose plain bytes come in `out`; undefined without libzstd. */
export function createUnzstd(out: Buffer): Decompressor | undefined {
  return library === undefined ? undefined : new Unzstd(library, out);
}

class Unzstd implements Decompressor {
  readonly #library: Library;
  readonly #context: unknown;
  readonly #out: Buffer;
  readonly #outAt = new BigUint64Array(1);
  readonly #inAt = new BigUint64Array(1);
  #piece: Uint8Array = new Uint8Array(0);
  /** A full output buffer may hide more that zstd has kept inside. */
  #mayHaveMore = false;
  #isBetweenFrames = true;

  constructor(zstd: Library, out: Buffer) {
    this.#library = zstd;
    this.#out = out;
    this.#context = zstd.create();
    if (this.#context === null) throw new Error('no memory for zstd');
  }

  feed(piece: Uint8Array): void {
    this.#piece = piece;
    this.#inAt[0] = 0n;
  }

  next(): Buffer | undefined {
    const { decompress, isError, errorName } = this.#library;
    while (this.#mayHaveMore || Number(this.#inAt[0]) < this.#piece.length) {
      this.#outAt[0] = 0n;
      const [piece, out] = [this.#piece, this.#out];
      const left = decompress(this.#context, out, out.length, this.#outAt, piece, piece.length, this.#inAt);
      if (isError(left) !== 0) throw new Error(String(errorName(left)));
      this.#isBetweenFrames = BigInt(left) === 0n;
      const written = Number(this.#outAt[0]);
      this.#mayHaveMore = written === out.length;
      if (written > 0) return out.subarray(0, written);
    }
    return undefined;
  }

  finish(): void {
    if (!this.#isBetweenFrames) throw new Error('unexpected end of file');
  }

  free(): void {
    this.#library.free(this.#context);
  }
}
