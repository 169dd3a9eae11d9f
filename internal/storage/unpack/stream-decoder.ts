// Decoding by Node's own streams, for a Node that does not export its zlib or a machine without libzstd. The work is done
// on the pool's threads, which touch no file and so need no confinement.

import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { chunkBytes, type Decoder, damaged, type TarSink } from './decoder.ts';
import { LayerError } from './layer-error.ts';

export class StreamDecoder implements Decoder {
  readonly #stream: Transform;
  #failure: unknown;
  #onFailure: (cause: unknown) => void = () => {};
  #isOver = false;
  #onEnd: () => void = () => {};

  constructor(compression: 'gzip' | 'zstd', sink: TarSink) {
    const stream = streamOf(compression);
    this.#stream = stream;
    stream.on('error', (cause) => this.#fail(damaged(compression, cause)));
    stream.once('end', () => {
      this.#isOver = true;
      this.#onEnd();
    });
    stream.on('data', (bytes: Buffer) => {
      try {
        if (this.#failure === undefined) sink(bytes);
      } catch (cause) {
        this.#fail(cause);
      }
    });
  }

  write(piece: Buffer): Promise<void> {
    return this.#settled((done) => this.#stream.write(piece, (cause) => (cause ? undefined : done())));
  }

  end(): Promise<void> {
    return this.#settled(() => this.#stream.end());
  }

  close(): void {
    this.#stream.destroy();
  }

  /**
   * Rejects with the first failure, whenever that was. A stream that meets padding ends, and never tells of the piece that
   * had it; what comes after is ignored.
   */
  async #settled(begin: (done: () => void) => void): Promise<void> {
    if (this.#failure === undefined && !this.#isOver) {
      await new Promise<void>((resolve, reject) => {
        this.#onEnd = resolve;
        this.#onFailure = reject;
        begin(resolve);
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #fail(cause: unknown): void {
    this.#failure ??= cause;
    this.#onFailure(this.#failure);
    this.#stream.destroy();
  }
}

function streamOf(compression: 'gzip' | 'zstd'): Transform {
  if (compression === 'gzip') return zlib.createGunzip({ chunkSize: chunkBytes });
  // Since Node 22.15.
  const { createZstdDecompress } = zlib as unknown as {
    createZstdDecompress?: (options: { chunkSize: number }) => Transform;
  };
  const decoder = createZstdDecompress?.({ chunkSize: chunkBytes });
  if (decoder !== undefined) return decoder;
  const need = 'which needs libzstd.so.1 on this machine, or Node 22.15 or later';
  throw new LayerError('unimplemented', `is compressed with zstd, ${need}`);
}
