// Where a command's words go.

import { DaemonError, describeError } from '../../../internal/errors/daemon-error.ts';
import { errnoCode } from '../../../internal/errors/errno.ts';

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
  /** Bytes of the result; resolves when the reader can take more, rejects when it has gone. */
  write(bytes: Uint8Array): Promise<void>;
  /** The screen that `err` writes to; undefined when that is a file or a pipe. */
  screen(): Screen | undefined;
  /** True when the result goes to a person's screen, where bytes do not belong. */
  readonly showsResult: boolean;
}

/**
 * The standard streams of this process. Who reads them may leave early, as head(1) does: that is no failure. When the result
 * cannot be written for another reason, such as a full disk, that is told, and the process does not end with code 0.
 */
export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  stderr.on('error', () => {}); // nowhere is left to tell it
  stdout.on('error', (error) => {
    if (errnoCode(error) === 'EPIPE') return;
    stderr.write(`cria: standard output cannot be written: ${errnoCode(error) ?? describeError(error)}\n`);
    process.on('exit', (code) => {
      if (code === 0) process.exitCode = 1;
    });
  });
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    write: (bytes) =>
      new Promise((resolve, reject) => {
        stdout.write(bytes, (cause) => {
          if (cause === undefined || cause === null) return resolve();
          reject(new DaemonError('unavailable', 'standard output was closed before its end', cause));
        });
      }),
    screen() {
      const { isTTY, columns, rows } = stderr;
      // A line without an end: a terminal of no known size has neither.
      return isTTY ? { columns: columns || 80, rows: rows || 24 } : undefined;
    },
    showsResult: stdout.isTTY,
  };
}
