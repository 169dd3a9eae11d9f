// One layer, from blob bytes to files, digests and tar-split, in one pass.

import { createHash } from 'node:crypto';
import { statfsSync } from 'node:fs';
import type { Transform } from 'node:stream';
import { errnoCode } from '../../errors/errno.ts';
import type { UnpackLimits } from '../store.ts';
import { type Compression, compressionOf, decoderOf } from './decoder.ts';
import { Extractor } from './extractor.ts';
import { LayerError, NoRoomError, shownName } from './layer-error.ts';
import { type TarEntry, TarReader } from './tar-reader.ts';
import { TarSplitWriter } from './tar-split-writer.ts';
import type { UnpackedLayer } from './unpack-protocol.ts';

/** A small layer of zeros may have any ratio. */
const ratioFromBytes = 64 << 20;
const freeSpaceEveryBytes = 32 << 20;

export interface UnpackerOptions {
  readonly tarSplitFd: number;
  readonly limits: UnpackLimits;
  readonly maxPathBytes: number;
}

export class LayerUnpacker {
  readonly #limits: UnpackLimits;
  readonly #blobHash = createHash('sha256');
  readonly #tarHash = createHash('sha256');
  readonly #reader: TarReader;
  readonly #extractor: Extractor;
  readonly #split: TarSplitWriter;
  #compression: Compression = 'none';
  #decoder: Transform | undefined;
  #started = false;
  #failure: unknown;
  #blobBytes = 0;
  #tarBytes = 0;
  #entries = 0;
  #spaceCheckedAt = 0;
  #entry: TarEntry | undefined;

  constructor(options: UnpackerOptions) {
    this.#limits = options.limits;
    this.#extractor = new Extractor(options.maxPathBytes);
    this.#split = new TarSplitWriter(options.tarSplitFd);
    this.#reader = new TarReader({
      meta: (bytes) => this.#split.segment(bytes),
      begin: (entry) => this.#begin(entry),
      content: (bytes) => {
        this.#split.content(bytes);
        this.#extractor.content(bytes);
      },
      end: () => this.#end(),
    });
  }

  /** Takes the next piece of the blob; resolves when it is used up. The first one has the magic bytes. */
  async push(piece: Buffer): Promise<void> {
    this.#blobHash.update(piece);
    this.#blobBytes += piece.length;
    if (!this.#started) this.#start(piece);
    const decoder = this.#decoder;
    if (decoder === undefined) return this.#tar(piece);
    await new Promise<void>((resolve, reject) => {
      this.#onFailure = reject;
      decoder.write(piece, (cause) => (cause ? reject(this.#failure ?? this.#damaged(cause)) : resolve()));
    });
    this.#rethrow();
  }

  /** Ends the blob: everything is on the file system afterwards, not yet synced. */
  async finish(): Promise<UnpackedLayer> {
    const decoder = this.#decoder;
    if (decoder !== undefined) {
      await new Promise<void>((resolve, reject) => {
        this.#onFailure = reject;
        decoder.once('end', resolve);
        decoder.end();
      });
      this.#rethrow();
    }
    this.#reader.finish();
    this.#extractor.finish();
    this.#split.finish();
    return {
      blobDigest: `sha256:${this.#blobHash.digest('hex')}`,
      blobSizeBytes: this.#blobBytes,
      diffId: `sha256:${this.#tarHash.digest('hex')}`,
      diffSizeBytes: this.#tarBytes,
      compression: this.#compression,
      uids: [...this.#extractor.uids].sort((a, b) => a - b),
      gids: [...this.#extractor.gids].sort((a, b) => a - b),
      entries: this.#entries,
      hasRoot: this.#extractor.hasRoot,
    };
  }

  /** Frees the decoder's memory, which outlives a thread that is merely ended. */
  abandon(): void {
    this.#decoder?.destroy();
  }

  #onFailure: (cause: unknown) => void = () => {};

  #start(first: Buffer): void {
    this.#started = true;
    this.#compression = compressionOf(first);
    this.#decoder = decoderOf(this.#compression);
    this.#decoder?.on('error', (cause) => this.#fail(this.#damaged(cause)));
    this.#decoder?.on('data', (bytes: Buffer) => {
      try {
        if (this.#failure === undefined) this.#tar(bytes);
      } catch (cause) {
        this.#fail(cause);
      }
    });
  }

  #damaged(cause: Error): LayerError {
    return new LayerError('failed-precondition', `is damaged: ${this.#compression}: ${cause.message}`);
  }

  #fail(cause: unknown): void {
    this.#failure ??= cause;
    this.#onFailure(this.#failure);
    this.#decoder?.destroy();
  }

  #rethrow(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #tar(bytes: Buffer): void {
    this.#tarBytes += bytes.length;
    this.#checkLimits();
    this.#tarHash.update(bytes);
    this.#reader.push(bytes);
  }

  #checkLimits(): void {
    const { maxUnpackedBytes, maxRatio, minFreeBytes } = this.#limits;
    if (this.#tarBytes > maxUnpackedBytes) {
      throw new LayerError('resource-exhausted', `unpacks to more than ${maxUnpackedBytes} bytes`);
    }
    if (this.#tarBytes > ratioFromBytes && this.#tarBytes > this.#blobBytes * maxRatio) {
      throw new LayerError('resource-exhausted', `unpacks to more than ${maxRatio} times its size`);
    }
    if (this.#tarBytes - this.#spaceCheckedAt < freeSpaceEveryBytes && this.#spaceCheckedAt > 0) return;
    this.#spaceCheckedAt = this.#tarBytes;
    const { bavail, bsize } = statfsSync('/');
    if (bavail * bsize < minFreeBytes) {
      throw new NoRoomError(`would leave less than ${minFreeBytes} bytes of free disk space`);
    }
  }

  #begin(entry: TarEntry): void {
    this.#entries += 1;
    if (this.#entries > this.#limits.maxEntries) {
      throw new LayerError('resource-exhausted', `has more than ${this.#limits.maxEntries} entries`);
    }
    this.#entry = entry;
    refusing(entry, () => this.#extractor.begin(entry));
  }

  #end(): void {
    const entry = this.#entry;
    if (entry === undefined) return;
    refusing(entry, () => this.#extractor.end());
    this.#split.file(entry.name, entry.sizeBytes);
  }
}

/** What the file system says when an entry cannot be made as the archive wants it; all else is the host's trouble. */
const refusals = new Set(
  'E2BIG EEXIST EINVAL EISDIR ELOOP EMLINK ENAMETOOLONG ENOENT ENOTDIR ENOTEMPTY EPERM ERANGE'.split(' '),
);

function refusing(entry: TarEntry, step: () => void): void {
  try {
    step();
  } catch (cause) {
    const code = errnoCode(cause);
    if (code === undefined || !refusals.has(code)) throw cause;
    const { syscall = '' } = cause as NodeJS.ErrnoException;
    const what = `has entry ${shownName(entry.name)}, which cannot be unpacked: ${syscall} ${code}`;
    throw new LayerError('failed-precondition', what);
  }
}
