// Where the last lines of a log file begin.

import type { FileHandle } from 'node:fs/promises';
import { parseLogRecord } from './log-record.ts';

const blockBytes = 64 * 1024;
/** Enough for time, stream and tags. */
const headBytes = 128;
const newline = 0x0a;

/**
 * The offset from which `lines` lines follow, or all there are. The parts of a last line that does not end are one; a record that
 * has no end yet is none.
 */
export async function tailOffset(file: FileHandle, lines: number): Promise<number> {
  const { size } = await file.stat();
  const buffer = Buffer.allocUnsafe(blockBytes + headBytes);
  let begin: number | undefined; // of the record that was seen last, going back
  let seen = 0;
  let isLast = true;
  const isEnough = (head: Buffer): boolean => {
    if (begin === undefined) return false;
    if (isLast || isWholeRecord(head)) seen += 1;
    isLast = false;
    return seen > lines;
  };
  for (let end = size; end > 0; end -= Math.min(end, blockBytes)) {
    const start = Math.max(0, end - blockBytes);
    const { bytesRead } = await file.read(buffer, 0, end - start + headBytes, start);
    const block = buffer.subarray(0, bytesRead);
    for (let at = block.lastIndexOf(newline, end - start - 1); at >= 0; at = previous(block, at)) {
      if (isEnough(block.subarray(at + 1, at + 1 + headBytes))) return begin ?? 0;
      begin = start + at + 1;
    }
    if (start === 0 && isEnough(block.subarray(0, headBytes))) return begin ?? 0;
  }
  return 0;
}

/** The newline before the one at `at`. */
function previous(block: Buffer, at: number): number {
  return at === 0 ? -1 : block.lastIndexOf(newline, at - 1);
}

/** By its head, which may be cut in its text. */
function isWholeRecord(head: Buffer): boolean {
  const end = head.indexOf(newline);
  return parseLogRecord(end < 0 ? head : head.subarray(0, end))?.isWhole === true;
}
