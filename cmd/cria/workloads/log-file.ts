// A container's log file while it is written and rotated by others.

import { type FileHandle, open, stat } from 'node:fs/promises';
import { DaemonError } from '../../../internal/errors/daemon-error.ts';
import { isENOENT } from '../../../internal/errors/errno.ts';
import { tailOffset } from './log-tail.ts';

const chunkBytes = 256 * 1024;
/** A record has 16 KiB of text; what is longer than this is no log. */
const maxLineBytes = 1024 * 1024;
const newline = 0x0a;

/**
 * The lines behind a path. When the file was renamed and another is there, it is read to its end before the other one is
 * begun: that is how the kubelet rotates, and how a log of limited size becomes `PATH.1`. Of a log of limited size that was
 * rotated twice since it was looked at, both files are read; more are gone.
 */
export class LogFile {
  readonly #path: string;
  readonly #buffer = Buffer.allocUnsafe(chunkBytes);
  #file: FileHandle;
  /** Where the next read begins. Between two calls that is where a line begins. */
  #offset = 0;
  /** How far the file was read, with a line at its end that was none yet. */
  #end = 0;
  #rest = Buffer.alloc(0);

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Begins with the last lines, or with all. Throws `not-found` when there is no file. Must be closed. */
  static async open(path: string, tailLines: number | undefined): Promise<LogFile> {
    const file = await openLog(path);
    const log = new LogFile(path, file);
    try {
      if (tailLines !== undefined) log.#offset = await tailOffset(file, tailLines);
      return log;
    } catch (cause) {
      await file.close();
      throw unreadable(path, cause);
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** The whole lines that are there now, in pieces as they are read; ends at the end of the file. */
  async *lines(): AsyncGenerator<Buffer[]> {
    for (;;) {
      const { bytesRead } = await this.#file
        .read(this.#buffer, 0, chunkBytes, this.#offset)
        .catch((cause: unknown) => {
          throw unreadable(this.#path, cause);
        });
      if (bytesRead === 0) return this.#leaveRest();
      this.#offset += bytesRead;
      yield this.#split(this.#buffer.subarray(0, bytesRead));
    }
  }

  /** A line without an end is read again, from its beginning: a monitor whose disk was full cuts off what it had begun. */
  #leaveRest(): void {
    this.#end = this.#offset;
    this.#offset -= this.#rest.length;
    this.#rest = Buffer.alloc(0);
  }

  #split(chunk: Buffer): Buffer[] {
    const text = Buffer.concat([this.#rest, chunk]);
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = text.indexOf(newline); end >= 0; end = text.indexOf(newline, start)) {
      lines.push(text.subarray(start, end));
      start = end + 1;
    }
    this.#rest = text.length - start > maxLineBytes ? Buffer.alloc(0) : text.subarray(start);
    return lines;
  }

  /** Goes to the file that took the path's place, or to the beginning of one that was cut; true when there is something. */
  async rotate(): Promise<boolean> {
    const now = await stat(this.#path).catch((cause: unknown) => {
      if (isENOENT(cause)) return undefined; // renamed, and the next one is not there yet
      throw cause;
    });
    if (now === undefined) return false;
    const own = await this.#file.stat();
    const isSame = now.dev === own.dev && now.ino === own.ino;
    if (isSame && now.size >= this.#offset) return false;
    // What was written between the last read and the rename.
    if (!isSame && own.size > this.#end) return true;
    if (!isSame) await this.#replace();
    this.#offset = 0;
    this.#end = 0;
    return true;
  }

  async #replace(): Promise<void> {
    const latest = await openLog(this.#path);
    // Looked at after the latest was opened: as long as our file has a name, the latest is the next one.
    const own = await this.#file.stat();
    const between = own.nlink === 0 ? await this.#putAside(own.mtimeMs) : undefined;
    await (between === undefined ? undefined : latest.close());
    await this.#file.close();
    this.#file = between ?? latest;
  }

  /** The file that took the place of ours as `PATH.1`; not one that was there before, when others rotate. */
  async #putAside(sinceMs: number): Promise<FileHandle | undefined> {
    const file = await open(`${this.#path}.1`, 'r').catch((cause: unknown) => {
      if (isENOENT(cause)) return undefined;
      throw cause;
    });
    if (file === undefined || (await file.stat()).mtimeMs >= sinceMs) return file;
    await file.close();
    return undefined;
  }
}

async function openLog(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    if (!isENOENT(cause)) throw unreadable(path, cause);
    throw new DaemonError(
      'not-found',
      `log "${path}" is not there: the container has not started, or somebody removed it`,
    );
  }
}

function unreadable(path: string, cause: unknown): DaemonError {
  return new DaemonError('unavailable', `log "${path}" cannot be read`, cause);
}
