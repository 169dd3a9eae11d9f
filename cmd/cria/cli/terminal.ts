// Where a command's words go.

import { once } from 'node:events';

/** A screen that a person looks at. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
}

export interface Terminal {
  /** The result, for people and pipes. */
  out(text: string): void;
  /** Errors, warnings and progress. */
  err(text: string): void;
  /** Bytes of the result; resolves when the reader can take more. */
  write(bytes: Uint8Array): Promise<void>;
  /** The screen that `err` writes to; undefined when that is a file or a pipe. */
  screen(): Screen | undefined;
  /** True when the result goes to a person's screen, where bytes do not belong. */
  readonly showsResult: boolean;
}

export const processTerminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  async write(bytes) {
    if (!process.stdout.write(bytes)) await once(process.stdout, 'drain');
  },
  screen() {
    const { isTTY, columns, rows } = process.stderr;
    // A line without an end: a terminal of no known size has neither.
    return isTTY ? { columns: columns || 80, rows: rows || 24 } : undefined;
  },
  showsResult: process.stdout.isTTY,
};
