// Writes the tars of saved images: plain files with fixed owner and time, so that the same images give the same bytes.

const blockBytes = 512;
/** The largest size that eleven octal digits hold; a bigger one is written in base 256, as GNU tar and Go do. */
const maxOctalSize = 0o77777777777;

/** One file of an archive; `content` must have `sizeBytes` bytes. */
export interface TarFile {
  /** At most 100 bytes. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** The archive of these files, in order. */
export async function* tarArchiveOf(
  files: AsyncIterable<TarFile> | Iterable<TarFile>,
): AsyncGenerator<Uint8Array> {
  for await (const { name, sizeBytes, content } of files) {
    yield header(name, sizeBytes);
    yield* content;
    const rest = sizeBytes % blockBytes;
    if (rest > 0) yield Buffer.alloc(blockBytes - rest);
  }
  yield Buffer.alloc(2 * blockBytes);
}

function header(name: string, sizeBytes: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.write(name, 0, 100);
  block.write('0000644\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  writeSize(block, sizeBytes);
  block.write('00000000000\0', 136);
  block.write('        ', 148); // the checksum counts itself as blanks
  block.write('0', 156);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function writeSize(block: Buffer, sizeBytes: number): void {
  if (sizeBytes <= maxOctalSize) {
    block.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124);
    return;
  }
  block.writeUInt8(0x80, 124);
  block.writeBigUInt64BE(BigInt(sizeBytes), 128);
}
