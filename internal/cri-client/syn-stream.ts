// The frame by which a client of SPDY/3.1 opens a stream (draft-mbelshe-httpbis-spdy-00, 2.6.1), with its headers.

import { constants, deflateRawSync } from 'node:zlib';
import { controlType } from '../streaming/spdy/frames.ts';

const headBytes = 18;
const versionWord = 0x8003;
/** Of a zlib stream. Its blocks follow with the frames, each compressed by itself. */
const zlibHead = Buffer.from([0x78, 0x01]);

/** `isFirst`: of the connection, whose zlib stream it begins. */
export function synStreamFrame(
  streamId: number,
  flags: number,
  headers: Readonly<Record<string, string>>,
  isFirst: boolean,
): Buffer {
  const block = headerBlock(headers);
  const head = Buffer.alloc(headBytes); // no associated stream, priority 0
  head.writeUInt16BE(versionWord, 0);
  head.writeUInt16BE(controlType.synStream, 2);
  head.writeUInt8(flags, 4);
  const begin = isFirst ? zlibHead : Buffer.alloc(0);
  head.writeUIntBE(headBytes - 8 + begin.length + block.length, 5, 3);
  head.writeUInt32BE(streamId, 8);
  return Buffer.concat([head, begin, block]);
}

function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(headers);
  const plain = Buffer.concat([word(entries.length), ...entries.flat().map(text)]);
  return deflateRawSync(plain, { finishFlush: constants.Z_SYNC_FLUSH });
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([word(bytes.length), bytes]);
}
