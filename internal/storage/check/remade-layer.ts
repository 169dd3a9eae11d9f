// A layer's tar, made again piece by piece: headers from tar-split, content from the files.

import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, readSync, type Stats } from 'node:fs';
import { describeError } from '../../errors/daemon-error.ts';
import { O_PATH, openInRoot } from '../../sys/resolve-in-root.ts';
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
  readonly #diff: string;
  readonly #comparesOwners: boolean;
  readonly #hash = createHash('sha256');
  readonly #reader: TarReader;
  /** The last entry of each path, which is what must be on disk. */
  readonly #entries = new Map<string, TarEntry>();
  /** Files whose content is not that of the archive, by path: the number of the entry and what is wrong. */
  readonly #damaged = new Map<string, { readonly at: number; readonly reason: string }>();
  readonly #lastAt = new Map<string, number>();
  readonly #piece = Buffer.alloc(pieceBytes);
  #count = 0;
  #isReadable = true;

  constructor(diff: string, comparesOwners: boolean) {
    this.#diff = diff;
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

  /** Reads the file's content; what is wrong with it is told at the end, because a later entry may have replaced it. */
  file({ name, sizeBytes, crc64 }: SplitFile): void {
    const { path } = entryPath(name, maxPathBytes);
    this.#count += 1;
    this.#lastAt.set(path, this.#count);
    if (sizeBytes === 0) return;
    const reason = this.#content(path, sizeBytes, crc64);
    if (reason !== undefined) this.#damaged.set(path, { at: this.#count, reason });
  }

  finish(): ContentsAnswer {
    let isReplaced = false;
    for (const [path, { at, reason }] of this.#damaged) {
      const isLast = this.#lastAt.get(path) === at && !this.#isBelowOther(path);
      if (isLast)
        return { diffId: undefined, failure: `has file ${shownName(path)}, which ${reason}`, changed: [] };
      isReplaced = true;
    }
    const diffId = isReplaced ? undefined : `sha256:${this.#hash.digest('hex')}`;
    return { diffId, failure: undefined, changed: this.#changes() };
  }

  #begin(entry: TarEntry): void {
    const { path, base } = entryPath(entry.name, maxPathBytes);
    if (!base.startsWith('.wh.')) this.#entries.set(path, entry);
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
      const fd = openInRoot(this.#diff, rootedPath(path), flags);
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

  /** An entry that is no directory may have taken the place of one above this path. */
  #isBelowOther(path: string): boolean {
    const parts = path.split('/');
    return parts.some((_, depth) => {
      const above = depth === 0 ? undefined : this.#entries.get(parts.slice(0, depth).join('/'));
      return above !== undefined && above.type !== 'directory';
    });
  }

  #changes(): string[] {
    const changes: string[] = [];
    for (const [path, entry] of this.#entries) {
      if (changes.length >= maxTold) break;
      if (this.#isBelowOther(path)) continue;
      const what = this.#difference(path, entry);
      if (what !== undefined) changes.push(`has ${entry.type} ${shownName(path || '/')}, ${what}`);
    }
    return changes;
  }

  #difference(path: string, entry: TarEntry): string | undefined {
    let stat: Stats;
    try {
      const fd = openInRoot(this.#diff, rootedPath(path), O_PATH | constants.O_NOFOLLOW);
      try {
        stat = fstatSync(fd);
      } finally {
        closeSync(fd);
      }
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
