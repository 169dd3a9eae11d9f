// Header blocks of a client: one zlib stream over the whole connection, of which each control frame carries a piece. A piece
// is inflated at once, with what came before as its dictionary, so frames keep their order without a thread pool.

import { constants, inflateRawSync } from 'node:zlib';
import { headerDictionary } from './header-dictionary.ts';
import { ProtocolError } from './protocol-error.ts';

/** Of one block, inflated. Kubernetes' clients send a few dozen bytes; the limit holds a block that would grow without end. */
const blockMaxBytes = 64 * 1024;
/** As far back as deflate refers. */
const windowBytes = 32 * 1024;
const hasDictionary = 0x20;

/** The state of one connection: 32 KiB of what came before. */
export class HeaderBlocks {
  #window: Buffer | undefined;

  /**
   * The names, in lower case, and values of the next block. Every block of the connection has to come here, in order.
   * Throws ProtocolError, after which no further block can be read.
   */
  read(block: Buffer): ReadonlyMap<string, string> {
    const before = this.#window;
    const deflated = before === undefined ? behindHead(block) : block;
    const dictionary = before ?? (hasDictionaryFlag(block) ? headerDictionary() : Buffer.alloc(0));
    const bytes = inflate(deflated, dictionary);
    this.#window = Buffer.concat([dictionary, bytes]).subarray(-windowBytes);
    return parseHeaders(bytes);
  }
}

function hasDictionaryFlag(block: Buffer): boolean {
  return ((block[1] ?? 0) & hasDictionary) !== 0;
}

/** RFC 1950: two bytes, and four that name the dictionary where one is used. Go names it; others may do without. */
function behindHead(block: Buffer): Buffer {
  if (block.length < 6 || (block.readUInt8() & 0x0f) !== 8 || block.readUInt16BE() % 31 !== 0)
    throw new ProtocolError('the header block is no zlib stream');
  return block.subarray(hasDictionaryFlag(block) ? 6 : 2);
}

function inflate(block: Buffer, dictionary: Buffer): Buffer {
  const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: blockMaxBytes };
  try {
    return inflateRawSync(block, dictionary.length === 0 ? options : { ...options, dictionary });
  } catch (cause) {
    throw new ProtocolError('the header block cannot be inflated', cause);
  }
}

function parseHeaders(bytes: Buffer): ReadonlyMap<string, string> {
  let at = 0;
  const number = (): number => {
    if (bytes.length - at < 4) throw new ProtocolError('the header block is cut');
    at += 4;
    return bytes.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (length > bytes.length - at) throw new ProtocolError('the header block is cut');
    at += length;
    return bytes.toString('utf8', at - length, at);
  };
  const headers = new Map<string, string>();
  for (let left = number(); left > 0; left--) {
    const name = text().toLowerCase();
    headers.set(name, text());
  }
  return headers;
}
