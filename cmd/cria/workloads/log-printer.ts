// Log records to the standard streams.

import type { LogOptions } from '../cli/workload-arguments.ts';
import { type LogRecord, parseLogRecord } from './log-record.ts';
import { writeTo } from './standard-streams.ts';

const end = Buffer.from('\n');

export class LogPrinter {
  readonly #options: Pick<LogOptions, 'timestamps' | 'since'>;
  readonly #isInLine = { stdout: false, stderr: false };
  #strangeLines = 0;

  constructor(options: Pick<LogOptions, 'timestamps' | 'since'>) {
    this.#options = options;
  }

  /** How many lines were no records and are left out. */
  get strangeLines(): number {
    return this.#strangeLines;
  }

  /** Writes each record to its own stream, in order; false when nobody reads that any more. */
  async print(lines: readonly Buffer[], signal: AbortSignal): Promise<boolean> {
    let stream: LogRecord['stream'] = 'stdout';
    let pieces: Buffer[] = [];
    const flush = async (): Promise<boolean> => {
      const bytes = Buffer.concat(pieces);
      pieces = [];
      return bytes.length === 0 || writeTo(process[stream], bytes, signal);
    };
    for (const line of lines) {
      const record = this.#wanted(line);
      if (record === undefined) continue;
      if (record.stream !== stream && !(await flush())) return false;
      stream = record.stream;
      pieces.push(...this.#shown(record));
    }
    return flush();
  }

  #wanted(line: Buffer): LogRecord | undefined {
    const record = parseLogRecord(line);
    if (record === undefined) this.#strangeLines += 1;
    const { since } = this.#options;
    return record !== undefined && since !== undefined && Date.parse(record.time) < since.getTime()
      ? undefined
      : record;
  }

  #shown({ time, stream, isWhole, text }: LogRecord): Buffer[] {
    const begins = !this.#isInLine[stream];
    this.#isInLine[stream] = !isWhole;
    return [
      ...(this.#options.timestamps && begins ? [Buffer.from(`${time} `)] : []),
      text,
      ...(isWhole ? [end] : []),
    ];
  }
}
