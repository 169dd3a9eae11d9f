// One record of a container's log file, in the CRI format: `TIME STREAM TAGS TEXT`.

export interface LogRecord {
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  /** False when the line goes on in the next record of this stream. */
  readonly isWhole: boolean;
  readonly text: Buffer;
}

const space = 0x20;

/** Reads one record, without its newline; undefined for what is none. */
export function parseLogRecord(line: Buffer): LogRecord | undefined {
  const afterTime = line.indexOf(space);
  const afterStream = line.indexOf(space, afterTime + 1);
  if (afterTime < 0 || afterStream < 0) return undefined;
  const found = line.indexOf(space, afterStream + 1);
  const afterTags = found < 0 ? line.length : found;
  const stream = line.toString('latin1', afterTime + 1, afterStream);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  const [tag] = line.toString('latin1', afterStream + 1, afterTags).split(':');
  if (tag !== 'F' && tag !== 'P') return undefined;
  const time = line.toString('latin1', 0, afterTime);
  return { time, stream, isWhole: tag === 'F', text: line.subarray(afterTags + 1) };
}
