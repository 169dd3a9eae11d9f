// Random access to the members of a tar file: headers are read once, contents by offset. Link members are resolved by
// name inside the archive.

import { type FileHandle, open } from 'node:fs/promises';
import { posix } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { parsePaxNumber, parsePaxRecords } from '../storage/unpack/pax.ts';
import { blockBytes, isZeroBlock, parseHeader, type RawHeader } from '../storage/unpack/tar-header.ts';
import { type ArchiveMember, type ArchiveMembers, readRange } from './archive-members.ts';

/** Image archives have a few members per layer. */
const maxMembers = 100_000;
const maxExtensionBytes = 1024 * 1024;
const maxLinkDepth = 8;

type Entry =
  | { readonly kind: 'file'; readonly offset: number; readonly sizeBytes: number }
  | { readonly kind: 'link'; readonly target: string };

/** What long-name and PAX members say about the member that follows them; names are bytes in latin1 strings. */
interface Extension {
  readonly path?: string;
  readonly linkPath?: string;
  readonly sizeBytes?: number;
}

/** L and K: GNU long name and long link; x: PAX; g: global PAX, which says nothing about a single member. */
const extensionTypes = ['L', 'K', 'x', 'g'];

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
    if (isZeroBlock(header)) return entries;
    if (members === maxMembers) throw invalid(`has more than ${maxMembers} members`);
    const raw = checked(() => parseHeader(header));
    const isExtension = extensionTypes.includes(raw.typeFlag);
    const sizeBytes = (isExtension ? undefined : extension.sizeBytes) ?? raw.sizeBytes;
    const dataOffset = offset + blockBytes;
    if (dataOffset + sizeBytes > fileBytes) throw invalid('is truncated');
    if (isExtension) {
      if (sizeBytes > maxExtensionBytes) throw invalid('has a member header of more than 1 MiB');
      const data = await readAt(file, dataOffset, sizeBytes);
      extension = { ...extension, ...checked(() => readExtension(raw.typeFlag, data)) };
    } else {
      addEntry(entries, raw, { dataOffset, sizeBytes, extension });
      extension = {};
    }
    offset = dataOffset + Math.ceil(sizeBytes / blockBytes) * blockBytes;
  }
}

interface MemberFacts {
  readonly dataOffset: number;
  readonly sizeBytes: number;
  readonly extension: Extension;
}

/** A later member of the same name replaces the earlier one, as in unpacking. */
function addEntry(entries: Map<string, Entry>, header: RawHeader, facts: MemberFacts): void {
  const { typeFlag } = header;
  const name = memberName(utf8(facts.extension.path ?? header.name));
  if (name === undefined) throw invalid('has a member whose name leads out of it');
  const linkPath = utf8(facts.extension.linkPath ?? header.linkName);
  if (typeFlag === '0' || typeFlag === '\0' || typeFlag === '7') {
    entries.set(name, { kind: 'file', offset: facts.dataOffset, sizeBytes: facts.sizeBytes });
  } else if (typeFlag === '1' || typeFlag === '2') {
    const target = memberName(typeFlag === '1' ? linkPath : posix.join(posix.dirname(name), linkPath));
    // A link out of the archive names nothing in it.
    if (target !== undefined && !linkPath.startsWith('/')) entries.set(name, { kind: 'link', target });
  } else if (typeFlag !== '5') {
    throw invalid(`has a member of unknown type ${JSON.stringify(typeFlag)}`);
  }
}

/** The name without `./` and doubled slashes; undefined when it leads out of the archive. */
function memberName(raw: string): string | undefined {
  const name = posix.normalize(raw).replace(/\/$/, '');
  return name === '..' || name.startsWith('../') || name.startsWith('/') ? undefined : name;
}

function readExtension(type: string, data: Buffer): Extension {
  if (type === 'L') return { path: untilNul(data) };
  if (type === 'K') return { linkPath: untilNul(data) };
  if (type === 'g') return {};
  const records = parsePaxRecords(data);
  const [path, linkPath, size] = [records.get('path'), records.get('linkpath'), records.get('size')];
  return {
    ...(path ? { path } : {}),
    ...(linkPath ? { linkPath } : {}),
    ...(size ? { sizeBytes: parsePaxNumber(size) } : {}),
  };
}

async function readAt(file: FileHandle, offset: number, sizeBytes: number): Promise<Buffer> {
  const data = Buffer.alloc(sizeBytes);
  const { bytesRead } = await file.read(data, 0, sizeBytes, offset);
  if (bytesRead !== sizeBytes) throw invalid('is truncated');
  return data;
}

function untilNul(data: Buffer): string {
  const end = data.indexOf(0);
  return data.toString('latin1', 0, end < 0 ? data.length : end);
}

/** The tar parser holds names as bytes; those in manifest.json are text. */
function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function checked<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw invalid(`${reason} (a compressed archive must be unpacked first)`);
  }
}

function invalid(problem: string): DaemonError {
  return new DaemonError('failed-precondition', `the image archive ${problem}`);
}
