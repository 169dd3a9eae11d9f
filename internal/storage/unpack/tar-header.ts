// One 512-byte tar header block: ustar, GNU, star and the old form. Names are bytes, held as latin1 strings.

import { LayerError } from './layer-error.ts';

export const blockBytes = 512;

/** The header as the block says it, before PAX records and GNU long names change it. */
export interface RawHeader {
  readonly name: string;
  readonly linkName: string;
  /** The type byte as a character. */
  readonly typeFlag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly modifiedAtSeconds: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

/** Parses a block whose bytes are not all zero; throws LayerError when it is not a header. */
export function parseHeader(block: Buffer): RawHeader {
  checkSum(block);
  return {
    name: headerName(block),
    linkName: text(block, 157, 100),
    typeFlag: String.fromCharCode(block[156] as number),
    mode: number(block, 100, 8),
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    sizeBytes: size(block),
    modifiedAtSeconds: number(block, 136, 12),
    deviceMajor: isUstar(block) ? number(block, 329, 8) : 0,
    deviceMinor: isUstar(block) ? number(block, 337, 8) : 0,
  };
}

export function isZeroBlock(block: Buffer): boolean {
  return block.equals(zeroBlock);
}
const zeroBlock = Buffer.alloc(blockBytes);

function text(block: Buffer, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end < 0 ? length : end);
}

/** `ustar` with a NUL is POSIX, with a space GNU: both have device numbers, only the first has a name prefix. */
function isUstar(block: Buffer): boolean {
  return block.toString('latin1', 257, 262) === 'ustar';
}

function headerName(block: Buffer): string {
  const name = text(block, 0, 100);
  if (!isUstar(block) || block[262] !== 0) return name;
  const isStar = block.toString('latin1', 508, 512) === 'tar\0';
  const prefix = text(block, 345, isStar ? 131 : 155);
  return prefix === '' ? name : `${prefix}/${name}`;
}

function size(block: Buffer): number {
  const bytes = number(block, 124, 12);
  if (bytes < 0) throw new LayerError('failed-precondition', 'is not a valid tar (negative file size)');
  return bytes;
}

/** Octal digits, or base 256 when the first bit is set, which GNU tar uses for what does not fit. */
function number(block: Buffer, at: number, length: number): number {
  const first = block[at] as number;
  if ((first & 0x80) === 0) return octal(block, at, length);
  const negative = (first & 0x40) !== 0;
  let value = BigInt(negative ? first | ~0xff : first & 0x7f);
  for (let index = at + 1; index < at + length; index += 1)
    value = value * 256n + BigInt(block[index] as number);
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) {
    throw new LayerError('failed-precondition', 'is not a valid tar (number out of range)');
  }
  return Number(value);
}

function octal(block: Buffer, at: number, length: number): number {
  const digits = block.toString('latin1', at, at + length).replace(/^[ \0]+|[ \0]+$/g, '');
  if (digits === '') return 0;
  const end = digits.indexOf('\0');
  const clean = end < 0 ? digits : digits.slice(0, end).trim();
  if (!/^[0-7]+$/.test(clean)) throw new LayerError('failed-precondition', 'is not a valid tar (bad number)');
  return Number.parseInt(clean, 8);
}

/** The sum of the block's bytes with the sum field taken as spaces; some old tars added signed bytes. */
function checkSum(block: Buffer): void {
  const expected = octal(block, 148, 8);
  let unsigned = 8 * 32;
  let signed = unsigned;
  for (let index = 0; index < blockBytes; index += 1) {
    if (index >= 148 && index < 156) continue;
    const byte = block[index] as number;
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  if (expected !== unsigned && expected !== signed) {
    throw new LayerError('failed-precondition', 'is not a valid tar (bad header checksum)');
  }
}
