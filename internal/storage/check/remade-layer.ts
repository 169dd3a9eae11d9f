// A layer's tar, made again piece by piece: headers from tar-split, content from the files. It runs in a thread whose root
// directory is the layer's `diff`, so no link and no name can lead out of it; every call is synchronous for that reason.

import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { describeError } from '../../errors/daemon-error.ts';
import { Crc64 } from '../unpack/crc64.ts';
import { entryPath, rootedPath } from '../unpack/entry-path.ts';
import { shownName } from '../unpack/layer-error.ts';
import { type TarEntry, TarReader } from '../unpack/tar-reader.ts';
import type { SplitFile } from '../unpack/tar-split-line.ts';
import type { ContentsAnswer } from './contents-worker.ts';

const pieceBytes = 1 << 20;
const maxPathBytes = 4095;
/** Differences that are told of one layer. */
const maxTold = 20;

export class RemadeLayer {
  readonly #comparesOwners: boolean;
  readonly #hash = createHash('sha256');
  readonly #reader: TarReader;
  /** What must be on disk. */
  readonly #entries = new Map<string, TarEntry>();
  /** The first file whose content is not that of the archive. */
  #damage: string | undefined;
  readonly #piece = Buffer.alloc(pieceBytes);
  #isReadable = true;

  constructor(comparesOwners: boolean) {
    this.#comparesOwners = comparesOwners;
    this.#reader = new TarReader({
      meta: () => {},
      begin: (entry) => this.#begin(entry),
      content: () => {},
      end: () => {},
    });
  }

  segment(bytes: Buffer): void {
    this.#hash.update(bytes);
    this.#read(bytes);
  }

  /** Takes in the file's content. */
  file({ name, sizeBytes, crc64 }: SplitFile): void {
    if (sizeBytes === 0) return;
    const { path } = entryPath(name, maxPathBytes);
    const reason = this.#content(path, sizeBytes, crc64);
    if (reason !== undefined) this.#damage ??= `has file ${shownName(path)}, which ${reason}`;
  }

  finish(): ContentsAnswer {
    if (this.#damage !== undefined) return { diffId: undefined, failure: this.#damage, changed: [] };
    return { diffId: `sha256:${this.#hash.digest('hex')}`, failure: undefined, changed: this.#changes() };
  }

  #begin(entry: TarEntry): void {
    const { path, base } = entryPath(entry.name, maxPathBytes);
    // Tools differ in whether the archive says what the root is like.
    if (path !== '' && !base.startsWith('.wh.')) this.#entries.set(path, entry);
  }

  /** Other tools take archives that ours refuses: then only the digest is compared. */
  #read(bytes: Buffer): void {
    if (!this.#isReadable) return;
    try {
      this.#reader.push(bytes);
    } catch {
      this.#isReadable = false;
      this.#entries.clear();
    }
  }

  /** The content goes into the digest; the stream of the archive needs as many bytes, whatever is found. */
  #content(path: string, sizeBytes: number, crc64: Buffer): string | undefined {
    const crc = new Crc64();
    let left = sizeBytes;
    let reason: string | undefined;
    try {
      const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      const fd = openSync(rootedPath(path), flags);
      try {
        const { size } = fstatSync(fd);
        if (size !== sizeBytes) reason = `has ${size} bytes instead of ${sizeBytes}`;
        for (let got = -1; left > 0 && got !== 0; left -= got) {
          got = readSync(fd, this.#piece, 0, Math.min(pieceBytes, left), null);
          const bytes = this.#piece.subarray(0, got);
          crc.update(bytes);
          this.#hash.update(bytes);
          this.#read(bytes);
        }
      } finally {
        closeSync(fd);
      }
    } catch (cause) {
      reason = `cannot be read: ${describeError(cause)}`;
    }
    this.#piece.fill(0); // the reader needs as many bytes as the header says
    for (; left > 0; left -= Math.min(pieceBytes, left))
      this.#read(this.#piece.subarray(0, Math.min(pieceBytes, left)));
    if (reason === undefined && !crc.digest().equals(crc64))
      reason = 'has other content than it was stored with';
    return reason;
  }

  #changes(): string[] {
    const changes: string[] = [];
    for (const [path, entry] of this.#entries) {
      if (changes.length >= maxTold) break;
      const what = this.#difference(path, entry);
      if (what !== undefined) changes.push(`has ${entry.type} ${shownName(path)}, ${what}`);
    }
    return changes;
  }

  #difference(path: string, entry: TarEntry): string | undefined {
    let stat: Stats;
    try {
      stat = lstatSync(rootedPath(path));
    } catch {
      return 'which is gone';
    }
    if (entry.type === 'hardlink') return undefined;
    if (!isOfType(stat, entry)) return 'which is something else now';
    if (this.#comparesOwners && (stat.uid !== entry.uid || stat.gid !== entry.gid))
      return `which belongs to ${stat.uid}:${stat.gid} instead of ${entry.uid}:${entry.gid}`;
    const mode = stat.mode & 0o7777;
    if (entry.type !== 'symlink' && mode !== entry.mode)
      return `which has mode ${mode.toString(8)} instead of ${entry.mode.toString(8)}`;
    return undefined;
  }
}

function isOfType(stat: Stats, { type }: TarEntry): boolean {
  switch (type) {
    case 'directory':
      return stat.isDirectory();
    case 'symlink':
      return stat.isSymbolicLink();
    case 'char':
      return stat.isCharacterDevice();
    case 'block':
      return stat.isBlockDevice();
    case 'fifo':
      return stat.isFIFO();
    default:
      return stat.isFile();
  }
}
