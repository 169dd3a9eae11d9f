// Random access to the members of a tar file: headers are read once, contents by offset. Knows ustar, GNU long names
// and PAX; link members are resolved by name inside the archive.

import { type FileHandle, open } from 'node:fs/promises';
import { posix } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { type ArchiveMember, type ArchiveMembers, readRange } from './archive-members.ts';

const blockBytes = 512;
/** Image archives have a few members per layer. */
const maxMembers = 100_000;
const maxExtensionBytes = 1024 * 1024;
const maxLinkDepth = 8;

type Entry =
  | { readonly kind: 'file'; readonly offset: number; readonly sizeBytes: number }
  | { readonly kind: 'link'; readonly target: string };

/** What long-name and PAX members say about the member that follows them. */
interface Extension {
  path?: string;
  linkPath?: string;
  sizeBytes?: number;
}

/** A tar file with its index. */
export class TarMembers implements ArchiveMembers {
  readonly #file: FileHandle;
  readonly #entries: ReadonlyMap<string, Entry>;

  private constructor(file: FileHandle, entries: ReadonlyMap<string, Entry>) {
    this.#file = file;
    this.#entries = entries;
  }

  /** Reads the headers; `failed-precondition` for what is no uncompressed tar. */
  static async open(path: string): Promise<TarMembers> {
    const file = await open(path, 'r');
    try {
      return new TarMembers(file, await readIndex(file));
    } catch (cause) {
      await file.close();
      throw cause;
    }
  }

  async find(name: string): Promise<ArchiveMember | undefined> {
    let entry = this.#entries.get(memberName(name) ?? '');
    for (let depth = 0; entry?.kind === 'link'; depth += 1) {
      if (depth === maxLinkDepth) throw invalid(`has a loop of links at ${JSON.stringify(name)}`);
      entry = this.#entries.get(entry.target);
    }
    if (entry === undefined) return undefined;
    const { offset, sizeBytes } = entry;
    return { sizeBytes, read: () => readRange(this.#file, offset, sizeBytes) };
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function readIndex(file: FileHandle): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  const header = Buffer.alloc(blockBytes);
  const fileBytes = (await file.stat()).size;
  let extension: Extension = {};
  let offset = 0;
  for (let members = 0; ; members += 1) {
    const { bytesRead } = await file.read(header, 0, blockBytes, offset);
    if (bytesRead === 0 && offset > 0) return entries;
    if (bytesRead < blockBytes) throw invalid('is truncated or not a tar');
    if (header.every((byte) => byte === 0)) return entries;
    if (members === maxMembers) throw invalid(`has more than ${maxMembers} members`);
    checkHeader(header);
    const type = String.fromCharCode(header[156] ?? 0);
    const sizeBytes =
      (isExtension(type) ? undefined : extension.sizeBytes) ?? readNumber(header.subarray(124, 136));
    const dataOffset = offset + blockBytes;
    if (dataOffset + sizeBytes > fileBytes) throw invalid('is truncated');
    if (isExtension(type)) {
      if (sizeBytes > maxExtensionBytes) throw invalid('has a member header of more than 1 MiB');
      extension = { ...extension, ...readExtension(type, await readAt(file, dataOffset, sizeBytes)) };
    } else {
      addEntry(entries, header, { type, dataOffset, sizeBytes, extension });
      extension = {};
    }
    offset = dataOffset + Math.ceil(sizeBytes / blockBytes) * blockBytes;
  }
}

interface MemberFacts {
  readonly type: string;
  readonly dataOffset: number;
  readonly sizeBytes: number;
  readonly extension: Extension;
}

/** A later member of the same name replaces the earlier one, as in unpacking. */
function addEntry(entries: Map<string, Entry>, header: Buffer, facts: MemberFacts): void {
  const name = memberName(facts.extension.path ?? headerName(header));
  if (name === undefined) throw invalid('has a member whose name leads out of it');
  const linkPath = facts.extension.linkPath ?? text(header.subarray(157, 257));
  if (facts.type === '0' || facts.type === '\0' || facts.type === '7') {
    entries.set(name, { kind: 'file', offset: facts.dataOffset, sizeBytes: facts.sizeBytes });
  } else if (facts.type === '1' || facts.type === '2') {
    const target = memberName(facts.type === '1' ? linkPath : posix.join(posix.dirname(name), linkPath));
    // A link out of the archive names nothing in it.
    if (target !== undefined && !linkPath.startsWith('/')) entries.set(name, { kind: 'link', target });
  } else if (facts.type !== '5') {
    throw invalid(`has a member of unknown type ${JSON.stringify(facts.type)}`);
  }
}

/** The name without `./` and doubled slashes; undefined when it leads out of the archive. */
function memberName(raw: string): string | undefined {
  const name = posix.normalize(raw).replace(/\/$/, '');
  return name === '..' || name.startsWith('../') || name.startsWith('/') ? undefined : name;
}

function headerName(header: Buffer): string {
  const name = text(header.subarray(0, 100));
  const isUstar = header.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? text(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function checkHeader(header: Buffer): void {
  const declared = readNumber(header.subarray(148, 156));
  let sum = 0;
  for (const [index, byte] of header.entries()) sum += index >= 148 && index < 156 ? 0x20 : byte;
  if (sum !== declared) throw invalid('is not a tar (a compressed archive must be unpacked first)');
}

/** Octal digits, or base 256 when the first bit is set (GNU). */
function readNumber(field: Buffer): number {
  const first = field[0] ?? 0;
  if ((first & 0x80) !== 0) {
    let value = first & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw invalid('has a member with an impossible size');
    return value;
  }
  const digits = field.toString('latin1').replace(/\0.*$/s, '').trim();
  if (!/^[0-7]*$/.test(digits)) throw invalid('is not a tar (a compressed archive must be unpacked first)');
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

/** L and K: GNU long name and long link; x: PAX; g: global PAX, which says nothing about a single member. */
function isExtension(type: string): boolean {
  return type === 'L' || type === 'K' || type === 'x' || type === 'g';
}

function readExtension(type: string, data: Buffer): Extension {
  if (type === 'L') return { path: text(data) };
  if (type === 'K') return { linkPath: text(data) };
  return type === 'x' ? readPax(data) : {};
}

function readPax(data: Buffer): Extension {
  const extension: Extension = {};
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const digits = space < 0 ? '' : data.toString('latin1', at, space);
    const length = /^[0-9]{1,7}$/.test(digits) ? Number(digits) : 0;
    // A record holds at least its own length and the space, so that each step goes forward.
    if (length <= digits.length || at + length > data.length) throw invalid('has a broken PAX header');
    const record = data.toString('utf8', space + 1, at + length - 1);
    const [key = ''] = record.split('=', 1);
    const value = record.slice(key.length + 1);
    if (key === 'path') extension.path = value;
    if (key === 'linkpath') extension.linkPath = value;
    if (key === 'size') extension.sizeBytes = paxSize(value);
    at += length;
  }
  return extension;
}

function paxSize(value: string): number {
  const size = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(size)) throw invalid('has a member with an impossible size');
  return size;
}

async function readAt(file: FileHandle, offset: number, sizeBytes: number): Promise<Buffer> {
  const data = Buffer.alloc(sizeBytes);
  const { bytesRead } = await file.read(data, 0, sizeBytes, offset);
  if (bytesRead !== sizeBytes) throw invalid('is truncated');
  return data;
}

function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
}

function invalid(problem: string): DaemonError {
  return new DaemonError('failed-precondition', `the image archive ${problem}`);
}
