// Decoding in the calling thread: no thread switch, and one buffer for all tar bytes of a layer.

import type { Decompressor } from '../../sys/decompressor.ts';
import { createGunzip } from '../../sys/gunzip.ts';
import { createUnzstd } from '../../sys/zstd.ts';
import type { Compression } from './compression.ts';
import { type Decoder, damaged, type TarSink } from './decoder.ts';
import { StreamDecoder } from './stream-decoder.ts';

/** The decoder that costs least; it gives parts of `out`, if it can. */
export function decoderOf(compression: Compression, out: Buffer, sink: TarSink): Decoder {
  if (compression === 'none') return { write: sink, end: () => {}, close: () => {} };
  const own = compression === 'gzip' ? createGunzip(out) : createUnzstd(out);
  return own === undefined ? new StreamDecoder(compression, sink) : new ThreadDecoder(own, compression, sink);
}

class ThreadDecoder implements Decoder {
  readonly #own: Decompressor;
  readonly #compression: Compression;
  readonly #sink: TarSink;
  #isClosed = false;

  constructor(own: Decompressor, compression: Compression, sink: TarSink) {
    this.#own = own;
    this.#compression = compression;
    this.#sink = sink;
  }

  write(piece: Buffer): void {
    this.#own.feed(piece);
    for (;;) {
      const bytes = this.#judged(() => this.#own.next());
      if (bytes === undefined) return;
      this.#sink(bytes);
    }
  }

  end(): void {
    this.#judged(() => this.#own.finish());
  }

  close(): void {
    if (!this.#isClosed) this.#own.free();
    this.#isClosed = true;
  }

  #judged<T>(step: () => T): T {
    try {
      return step();
    } catch (cause) {
      throw damaged(this.#compression, cause);
    }
  }
}
