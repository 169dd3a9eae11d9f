// gzip through the zlib that Node itself is linked with, which its binary exports for add-ons. Node's own interface to it
// is either whole buffers or a stream, whose every piece is two thread switches and a new buffer.

import koffi from 'koffi';
import type { Decompressor } from './decompressor.ts';
import { libc } from './libc.ts';

/** Loaded with the module: a confined thread cannot. */
const library = loadLibrary();

type Library = NonNullable<ReturnType<typeof loadLibrary>>;

function loadLibrary() {
  if (koffi.sizeof('void *') !== 8 || koffi.sizeof('long') !== 8) return undefined; // the layout of z_stream below
  try {
    return {
      version: libc.func('const char *zlibVersion()'),
      init: libc.func('int inflateInit2_(void *stream, int windowBits, const char *version, int size)'),
      inflate: libc.func('int inflate(void *stream, int flush)'),
      reset: libc.func('int inflateReset(void *stream)'),
      end: libc.func('int inflateEnd(void *stream)'),
    };
  } catch {
    return undefined;
  }
}

const Z_OK = 0;
const Z_STREAM_END = 1;
const Z_BUF_ERROR = -5;
const Z_NO_FLUSH = 0;
/** The largest window, in the gzip format only. */
const windowBits = 15 + 16;

/** `z_stream` where pointers and longs have 64 bits: its size, and its fields as words of their own size. */
const streamBytes = 112;
const nextIn64 = 0;
const availIn32 = 2;
const nextOut64 = 3;
const availOut32 = 8;
const message64 = 6;

/** A gzip decompressor, whose plain bytes come in `out`; undefined where Node does not export its zlib. */
export function createGunzip(out: Buffer): Decompressor | undefined {
  if (library === undefined) return undefined;
  try {
    return new Gunzip(library, out);
  } catch {
    return undefined; // a zlib of another layout
  }
}

class Gunzip implements Decompressor {
  readonly #library: Library;
  /** Memory that does not move: zlib keeps its address. */
  readonly #stream = new ArrayBuffer(streamBytes);
  readonly #words64 = new BigUint64Array(this.#stream);
  readonly #words32 = new Uint32Array(this.#stream);
  readonly #out: Buffer;
  readonly #outAddress: bigint;
  /** Kept while zlib reads it. */
  #piece: Uint8Array | undefined;
  /** A file may have several members, one after the other. */
  #state: 'member' | 'between' | 'padding' = 'member';

  constructor(zlib: Library, out: Buffer) {
    this.#library = zlib;
    this.#out = out;
    this.#outAddress = koffi.address(this.#out);
    const code: number = zlib.init(this.#words32, windowBits, zlib.version(), streamBytes);
    if (code !== Z_OK) throw new Error(`zlib error ${code}`);
  }

  feed(piece: Uint8Array): void {
    this.#piece = piece;
    this.#words64[nextIn64] = koffi.address(piece);
    this.#words32[availIn32] = piece.length;
  }

  next(): Buffer | undefined {
    for (;;) {
      if (this.#state !== 'member' && !this.#beginMember()) return undefined;
      this.#words64[nextOut64] = this.#outAddress;
      this.#words32[availOut32] = this.#out.length;
      const code: number = this.#library.inflate(this.#words32, Z_NO_FLUSH);
      if (code === Z_STREAM_END) this.#state = 'between';
      // Z_BUF_ERROR: the piece was used up to the last byte before.
      else if (code !== Z_OK && code !== Z_BUF_ERROR) throw new Error(this.#message(code));
      const written = this.#out.length - (this.#words32[availOut32] as number);
      if (written > 0) return this.#out.subarray(0, written);
      if (this.#words32[availIn32] === 0) return undefined;
    }
  }

  finish(): void {
    if (this.#state === 'member') throw new Error('unexpected end of file');
  }

  free(): void {
    this.#library.end(this.#words32);
  }

  /** Zeros after a member are padding, as Node and gzip(1) have it. False when the piece has no other member. */
  #beginMember(): boolean {
    if (this.#words32[availIn32] === 0 || this.#state === 'padding') return false;
    const left = this.#words32[availIn32] as number;
    const piece = this.#piece as Uint8Array;
    if (piece[piece.length - left] === 0) {
      this.#state = 'padding';
      return false;
    }
    this.#state = 'member';
    this.#library.reset(this.#words32);
    return true;
  }

  #message(code: number): string {
    const text = this.#words64[message64] as bigint;
    return text === 0n ? `zlib error ${code}` : String(koffi.decode(text, 'char', -1));
  }
}
