// Streaming zstd through the system's libzstd, for a Node whose zlib has none (before 22.15).

import { Transform, type TransformCallback } from 'node:stream';
import koffi from 'koffi';

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

/** A stream from zstd frames (skippable ones too) to their content, decoded in the calling thread; undefined without libzstd. */
export function createZstdDecoder(chunkBytes: number): Transform | undefined {
  return library === undefined ? undefined : new ZstdDecoder(library, chunkBytes);
}

class ZstdDecoder extends Transform {
  readonly #library: Library;
  readonly #context: unknown;
  readonly #chunkBytes: number;
  readonly #outAt = new BigUint64Array(1);
  readonly #inAt = new BigUint64Array(1);
  #isBetweenFrames = true;
  #isDecoding = false;
  #isOver = false;

  constructor(zstd: Library, chunkBytes: number) {
    super({ readableHighWaterMark: chunkBytes });
    this.#library = zstd;
    this.#chunkBytes = chunkBytes;
    this.#context = zstd.create();
    if (this.#context === null) throw new Error('no memory for zstd');
  }

  override _transform(input: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      this.#decode(input);
      done();
    } catch (cause) {
      done(cause as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    done(this.#isBetweenFrames ? null : new Error('unexpected end of file'));
  }

  /** A reader that has seen enough may destroy the stream while a piece is being decoded: the loop frees then. */
  override _destroy(cause: Error | null, done: (error?: Error | null) => void): void {
    this.#isOver = true;
    if (!this.#isDecoding) this.#library.free(this.#context);
    done(cause);
  }

  #decode(input: Buffer): void {
    this.#isDecoding = true;
    try {
      this.#decodePiece(input);
    } finally {
      this.#isDecoding = false;
      if (this.#isOver) this.#library.free(this.#context);
    }
  }

  #decodePiece(input: Buffer): void {
    this.#inAt[0] = 0n;
    while (!this.#isOver) {
      const out = Buffer.allocUnsafeSlow(this.#chunkBytes);
      this.#outAt[0] = 0n;
      const left = this.#library.decompress(
        this.#context,
        out,
        out.length,
        this.#outAt,
        input,
        input.length,
        this.#inAt,
      );
      if (this.#library.isError(left) !== 0) throw new Error(String(this.#library.errorName(left)));
      const written = Number(this.#outAt[0]);
      if (written > 0) this.push(out.subarray(0, written));
      this.#isBetweenFrames = BigInt(left) === 0n;
      // A full output buffer may hide more that zstd has kept inside.
      if (Number(this.#inAt[0]) === input.length && written < out.length) return;
    }
  }
}
