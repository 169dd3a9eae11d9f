// A tar stream, pushed in as it arrives and never held: entries go to a handler, and so does every byte that is not
// file content, for tar-split.

import { LayerError, shownName } from './layer-error.ts';
import { parsePaxNumber, parsePaxRecords, parsePaxTime } from './pax.ts';
import { blockBytes, isZeroBlock, parseHeader, type RawHeader } from './tar-header.ts';

export type EntryType = 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo';

export interface TarEntry {
  readonly type: EntryType;
  /** Bytes as a latin1 string, as the archive says it: not cleaned. */
  readonly name: string;
  readonly linkName: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** 0 for everything but files. */
  readonly sizeBytes: number;
  readonly modifiedAtNanos: bigint;
  readonly accessedAtNanos: bigint;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly xattrs: readonly (readonly [name: string, value: Buffer])[];
}

export interface TarHandler {
  /** Bytes of headers, padding and trailer, in stream order with the content. */
  meta(bytes: Buffer): void;
  begin(entry: TarEntry): void;
  /** Content of the entry that has begun, if it is a file with a size. */
  content(bytes: Buffer): void;
  end(): void;
}

/** Long names and PAX records of more bytes are refused; Go's archive/tar has the same limit. */
const maxSpecialBytes = 1 << 20;
/** Bytes after the end mark: tar pads to 10 KiB, some writers to more. They go into tar-split whole. */
const maxTrailerBytes = 16 << 20;

const entryTypes: Readonly<Record<string, EntryType>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

type State = 'header' | 'special' | 'content' | 'padding' | 'trailer';

export class TarReader {
  readonly #handler: TarHandler;
  #state: State = 'header';
  /** Bytes that the state still wants. */
  #wanted = blockBytes;
  #held: Buffer[] = [];
  #specialFlag = '';
  #specialBytes = 0;
  /** Bytes after the content of the entry that is being read. */
  #padding = 0;
  #zeroBlocks = 0;
  #trailerBytes = 0;
  #pax = new Map<string, string>();
  #longName: string | undefined;
  #longLinkName: string | undefined;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /** Takes the next bytes. They are passed on as views: the handler copies what it keeps. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === 'trailer') {
        this.#trailer(chunk.subarray(at));
        return;
      }
      const part = chunk.subarray(at, at + Math.min(this.#wanted, chunk.length - at));
      at += part.length;
      this.#wanted -= part.length;
      this.#take(part);
    }
  }

  /** Says that the stream is over; throws when it ends inside an entry. */
  finish(): void {
    const between = this.#state === 'header' && this.#wanted === blockBytes && this.#held.length === 0;
    // A missing end mark is let through, as everywhere: the digest tells whether bytes are missing.
    if (!between && this.#state !== 'trailer') throw invalid('it ends inside an entry');
  }

  #take(part: Buffer): void {
    if (this.#state === 'content') {
      this.#handler.content(part);
      if (this.#wanted === 0) this.#endEntry();
      return;
    }
    this.#handler.meta(part);
    if (this.#state === 'padding') {
      if (this.#wanted === 0) this.#expectHeader();
      return;
    }
    if (this.#wanted > 0) {
      this.#held.push(Buffer.from(part));
      return;
    }
    const whole = this.#held.length === 0 ? part : Buffer.concat([...this.#held, part]);
    this.#held = [];
    if (this.#state === 'header') this.#header(whole);
    else this.#special(whole);
  }

  #trailer(bytes: Buffer): void {
    this.#trailerBytes += bytes.length;
    if (this.#trailerBytes > maxTrailerBytes) throw invalid('too many bytes after its end');
    this.#handler.meta(bytes);
  }

  #expectHeader(): void {
    this.#state = 'header';
    this.#wanted = blockBytes;
  }

  #header(block: Buffer): void {
    if (isZeroBlock(block)) {
      this.#zeroBlocks += 1;
      if (this.#zeroBlocks === 2) this.#state = 'trailer';
      else this.#expectHeader();
      return;
    }
    if (this.#zeroBlocks > 0) throw invalid('an entry after its end mark');
    const header = parseHeader(block);
    if (['x', 'g', 'L', 'K'].includes(header.typeFlag)) {
      if (header.sizeBytes > maxSpecialBytes) throw invalid('an extended header of more than 1 MiB');
      this.#specialFlag = header.typeFlag;
      this.#state = 'special';
      this.#wanted = header.sizeBytes + paddingOf(header.sizeBytes);
      this.#specialBytes = header.sizeBytes;
      if (this.#wanted === 0) this.#special(Buffer.alloc(0));
      return;
    }
    this.#begin(header);
  }

  #special(padded: Buffer): void {
    const body = padded.subarray(0, this.#specialBytes);
    if (this.#specialFlag === 'x') this.#pax = parsePaxRecords(body);
    else if (this.#specialFlag === 'L') this.#longName = untilNul(body);
    else if (this.#specialFlag === 'K') this.#longLinkName = untilNul(body);
    // 'g': global records are ignored, as containers/storage does; git archives carry one with a comment.
    this.#expectHeader();
  }

  #begin(header: RawHeader): void {
    const entry = this.#entryOf(header);
    this.#pax = new Map();
    this.#longName = undefined;
    this.#longLinkName = undefined;
    this.#handler.begin(entry);
    this.#padding = paddingOf(entry.sizeBytes);
    this.#state = 'content';
    this.#wanted = entry.sizeBytes;
    if (this.#wanted === 0) this.#endEntry();
  }

  #endEntry(): void {
    this.#handler.end();
    this.#state = this.#padding === 0 ? 'header' : 'padding';
    this.#wanted = this.#padding || blockBytes;
  }

  #entryOf(header: RawHeader): TarEntry {
    const pax = this.#pax;
    const name = this.#longName || pax.get('path') || header.name; // with both, Go takes GNU's
    const kind = entryTypes[header.typeFlag];
    if (header.typeFlag === 'S' || [...pax.keys()].some((key) => key.startsWith('GNU.sparse.'))) {
      throw new LayerError(
        'unimplemented',
        `has a sparse file ${shownName(name)}, which no image tool writes`,
      );
    }
    if (kind === undefined) {
      throw invalid(`entry ${shownName(name)} of unknown type ${shownName(header.typeFlag)}`);
    }
    const type = header.typeFlag === '\0' && name.endsWith('/') ? 'directory' : kind;
    const sizeBytes = numberOf(pax, 'size') ?? header.sizeBytes;
    const modifiedAtNanos = timeOf(pax, 'mtime') ?? BigInt(header.modifiedAtSeconds) * 1_000_000_000n;
    return {
      type,
      name,
      linkName: this.#longLinkName || pax.get('linkpath') || header.linkName,
      mode: header.mode & 0o7777,
      uid: numberOf(pax, 'uid') ?? header.uid,
      gid: numberOf(pax, 'gid') ?? header.gid,
      sizeBytes: type === 'file' ? sizeBytes : 0,
      modifiedAtNanos,
      accessedAtNanos: timeOf(pax, 'atime') ?? modifiedAtNanos,
      deviceMajor: header.deviceMajor,
      deviceMinor: header.deviceMinor,
      xattrs: xattrsOf(pax),
    };
  }
}

function timeOf(pax: Map<string, string>, key: string): bigint | undefined {
  const value = pax.get(key);
  return value === undefined || value === '' ? undefined : parsePaxTime(value);
}

/** An empty value means "as the header says", as an absent one does. */
function numberOf(pax: Map<string, string>, key: string): number | undefined {
  const value = pax.get(key);
  return value === undefined || value === '' ? undefined : parsePaxNumber(value);
}

function xattrsOf(pax: Map<string, string>): [string, Buffer][] {
  const prefix = 'SCHILY.xattr.';
  return [...pax]
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, value]) => [key.slice(prefix.length), Buffer.from(value, 'latin1')]);
}

function untilNul(body: Buffer): string {
  const end = body.indexOf(0);
  return body.toString('latin1', 0, end < 0 ? body.length : end);
}

function paddingOf(bytes: number): number {
  return (blockBytes - (bytes % blockBytes)) % blockBytes;
}

function invalid(why: string): LayerError {
  return new LayerError('failed-precondition', `is not a valid tar (${why})`);
}
