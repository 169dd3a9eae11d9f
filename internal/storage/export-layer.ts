// A layer's tar, byte for byte as it was unpacked: what is in no file from tar-split, the files' contents from the layer.

import { closeSync, constants, createReadStream, fstatSync, readSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import { openInRoot } from '../sys/resolve-in-root.ts';
import { Crc64 } from './unpack/crc64.ts';
import { parseSplitLine, type SplitFile } from './unpack/tar-split-line.ts';

export interface ExportedLayer {
  readonly id: string;
  /** Undefined when it is lost. */
  readonly tarSplit: string | undefined;
  readonly diff: string;
}

const pieceBytes = 256 * 1024;

/**
 * The layer's uncompressed tar. `failed-precondition` when its tar-split is missing or a file is no longer what was
 * unpacked; what has been read until then must not be used.
 */
export async function* exportLayer(layer: ExportedLayer): AsyncGenerator<Uint8Array> {
  const { id, tarSplit } = layer;
  if (tarSplit === undefined)
    throw new DaemonError(
      'failed-precondition',
      `layer "${id}" has lost its tar-split; pull the image again`,
    );
  try {
    for await (const text of linesOf(tarSplit)) {
      const line = parseSplitLine(text);
      if (line.kind === 'segment') yield line.bytes;
      else if (line.sizeBytes > 0) yield* contentOf(layer, line);
    }
  } catch (cause) {
    if (cause instanceof DaemonError) throw cause;
    const why = isENOENT(cause) ? 'has lost a file' : 'cannot be read';
    throw new DaemonError('failed-precondition', `layer "${id}" ${why}; pull the image again`, cause);
  }
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const unpacked = new PassThrough();
  const ended = pipeline(createReadStream(path), createGunzip(), unpacked);
  ended.catch(() => {}); // told below
  for await (const line of createInterface({ input: unpacked, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line !== '') yield line;
  }
  await ended;
}

/** Links on the way, which the image's maker chose, stay inside the layer; as they did when it was unpacked. */
function* contentOf({ id, diff }: ExportedLayer, file: SplitFile): Generator<Uint8Array> {
  const name = Buffer.from(file.name, 'latin1');
  const changed = (): DaemonError => {
    const shown = JSON.stringify(name.toString().slice(0, 256));
    const text = `layer "${id}" is damaged: file ${shown} is not what was unpacked; pull the image again`;
    return new DaemonError('failed-precondition', text);
  };
  const fd = openInRoot(diff, name, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!fstatSync(fd).isFile()) throw changed();
    const crc = new Crc64();
    for (let left = file.sizeBytes; left > 0; ) {
      const piece = Buffer.allocUnsafeSlow(Math.min(pieceBytes, left));
      const length = readSync(fd, piece, 0, piece.length, null);
      if (length === 0) throw changed();
      const bytes = piece.subarray(0, length);
      crc.update(bytes);
      yield bytes;
      left -= length;
    }
    if (!crc.digest().equals(file.crc64)) throw changed();
  } finally {
    closeSync(fd);
  }
}
