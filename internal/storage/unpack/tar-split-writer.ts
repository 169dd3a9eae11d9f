// tar-split: what a tar was besides the content of its files, so that the same bytes can be made again from the
// unpacked layer. JSON lines in gzip; the content is proved by a CRC per file.

import { isUtf8 } from 'node:buffer';
import { writeSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { ChunkMemory } from './chunk-memory.ts';
import { Crc64 } from './crc64.ts';

/** JSON lines that are gathered before they are compressed; each batch is a gzip member, which readers join. */
const batchBytes = 256 * 1024;
/** Raw bytes that are gathered before they become a segment of their own. */
const segmentBytes = 64 * 1024;

export class TarSplitWriter {
  readonly #fd: number;
  readonly #crc: Crc64;
  #position = 0;
  #raw: Buffer[] = [];
  #rawBytes = 0;
  #lines: string[] = [];
  #linesBytes = 0;

  /** `fd` stays open: the caller closes it. Content should lie in `memory`, where there is one. */
  constructor(fd: number, memory?: ChunkMemory) {
    this.#fd = fd;
    this.#crc = new Crc64(memory);
  }

  /** Bytes that are not content of a file. */
  segment(bytes: Buffer): void {
    this.#raw.push(Buffer.from(bytes));
    this.#rawBytes += bytes.length;
    if (this.#rawBytes >= segmentBytes) this.#endSegment();
  }

  /** Content of the file that `file` will name next. */
  content(bytes: Buffer): void {
    this.#crc.update(bytes);
  }

  /** Ends an entry: its name as the tar has it (latin1) and its size, whose content has been given before. */
  file(name: string, sizeBytes: number): void {
    this.#endSegment();
    const bytes = Buffer.from(name, 'latin1');
    const named = isUtf8(bytes) ? { name: bytes.toString('utf8') } : { name_raw: bytes.toString('base64') };
    if (sizeBytes === 0) {
      this.#line({ type: 1, ...named, payload: null, position: this.#position });
      return;
    }
    const payload = this.#crc.digest().toString('base64');
    this.#crc.reset();
    this.#line({ type: 1, ...named, size: sizeBytes, payload, position: this.#position });
  }

  /** Writes what is left. */
  finish(): void {
    this.#endSegment();
    this.#flush();
  }

  #endSegment(): void {
    if (this.#rawBytes === 0) return;
    const payload = Buffer.concat(this.#raw).toString('base64');
    this.#raw = [];
    this.#rawBytes = 0;
    this.#line({ type: 2, payload, position: this.#position });
  }

  #line(value: object): void {
    const text = `${JSON.stringify(value)}\n`;
    this.#lines.push(text);
    this.#linesBytes += text.length;
    this.#position += 1;
    if (this.#linesBytes >= batchBytes) this.#flush();
  }

  #flush(): void {
    if (this.#lines.length === 0) return;
    const packed = gzipSync(this.#lines.join(''), { level: 1 });
    this.#lines = [];
    this.#linesBytes = 0;
    for (let at = 0; at < packed.length; ) at += writeSync(this.#fd, packed, at);
  }
}
