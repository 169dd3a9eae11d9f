// One layer, from blob bytes to files, digests and tar-split, in one pass.

import { createHash } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { errnoCode } from '../../errors/errno.ts';
import type { UnpackLimits } from '../store.ts';
import type { ChunkMemory } from './chunk-memory.ts';
import { type Compression, compressionOf } from './compression.ts';
import type { Decoder } from './decoder.ts';
import { Extractor } from './extractor.ts';
import { LayerError, NoRoomError, shownName } from './layer-error.ts';
import { type TarEntry, TarReader } from './tar-reader.ts';
import { TarSplitWriter } from './tar-split-writer.ts';
import { decoderOf } from './thread-decoder.ts';
import type { UnpackedLayer } from './unpack-protocol.ts';

/** A small layer of zeros may have any ratio. */
const ratioFromBytes = 64 << 20;
const freeSpaceEveryBytes = 32 << 20;

export interface UnpackerOptions {
  readonly tarSplitFd: number;
  readonly limits: UnpackLimits;
  readonly maxPathBytes: number;
  /** For tar bytes; one layer at a time uses it. */
  readonly memory: ChunkMemory;
}

export class LayerUnpacker {
  readonly #limits: UnpackLimits;
  readonly #memory: ChunkMemory;
  readonly #blobHash = createHash('sha256');
  readonly #tarHash = createHash('sha256');
  readonly #reader: TarReader;
  readonly #extractor: Extractor;
  readonly #split: TarSplitWriter;
  #compression: Compression = 'none';
  #decoder: Decoder | undefined;
  #blobBytes = 0;
  #tarBytes = 0;
  #entries = 0;
  #spaceCheckedAt = 0;
  #entry: TarEntry | undefined;

  constructor(options: UnpackerOptions) {
    this.#limits = options.limits;
    this.#memory = options.memory;
    this.#extractor = new Extractor(options.maxPathBytes);
    this.#split = new TarSplitWriter(options.tarSplitFd, options.memory);
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

  /**
   * Takes the next piece of the blob, whose memory is free again when this has ended: at once, or when the promise says so.
   * The first piece has the magic bytes.
   */
  push(piece: Buffer): void | Promise<void> {
    this.#blobHash.update(piece);
    this.#blobBytes += piece.length;
    if (this.#decoder === undefined) {
      this.#compression = compressionOf(piece);
      this.#decoder = decoderOf(this.#compression, this.#memory.buffer, (bytes) => this.#tar(bytes));
    }
    return this.#decoder.write(piece);
  }

  /** Ends the blob: everything is on the file system afterwards, not yet synced. */
  async finish(): Promise<UnpackedLayer> {
    await this.#decoder?.end();
    this.close();
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
  close(): void {
    this.#decoder?.close();
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
