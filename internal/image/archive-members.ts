// Images on disk as named members, whether in a directory or in a tar.

import { constants } from 'node:fs';
import { type FileHandle, open, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';

export interface ArchiveMember {
  readonly sizeBytes: number;
  /** The content; ends after `sizeBytes` or with an error. */
  read(): AsyncIterable<Uint8Array>;
}

export interface ArchiveMembers {
  /** The regular file of this name; undefined when there is none. */
  find(name: string): Promise<ArchiveMember | undefined>;
  close(): Promise<void>;
}

const chunkBytes = 256 * 1024;

/** Reads `sizeBytes` bytes at `offset`; a file that ends before is an error. */
export async function* readRange(
  file: FileHandle,
  offset: number,
  sizeBytes: number,
): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < sizeBytes; ) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, sizeBytes - done));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, offset + done);
    if (bytesRead === 0) throw new DaemonError('failed-precondition', 'the image archive is truncated');
    yield chunk.subarray(0, bytesRead);
    done += bytesRead;
  }
}

/** Reads a small member whole; undefined when it is missing, `failed-precondition` when it is longer than allowed. */
export async function readMember(
  members: ArchiveMembers,
  name: string,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const member = await members.find(name);
  if (member === undefined) return undefined;
  if (member.sizeBytes > maxBytes) {
    throw new DaemonError(
      'failed-precondition',
      `member "${name}" of the image archive has more than ${maxBytes} bytes`,
    );
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of member.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The files below a directory. A name that leads out of it is refused, and a symbolic link anywhere on the way. */
export class DirectoryMembers implements ArchiveMembers {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  static async open(path: string): Promise<DirectoryMembers> {
    return new DirectoryMembers(await realpath(path));
  }

  async find(name: string): Promise<ArchiveMember | undefined> {
    const file = await this.#open(name);
    if (file === undefined) return undefined;
    try {
      const { size } = await file.stat();
      return { sizeBytes: size, read: () => this.#read(name, size) };
    } finally {
      await file.close();
    }
  }

  async close(): Promise<void> {}

  async *#read(name: string, sizeBytes: number): AsyncGenerator<Uint8Array> {
    const file = await this.#open(name);
    if (file === undefined)
      throw new DaemonError('failed-precondition', `"${name}" of the image layout is gone`);
    try {
      yield* readRange(file, 0, sizeBytes);
    } finally {
      await file.close();
    }
  }

  async #open(name: string): Promise<FileHandle | undefined> {
    const path = join(this.#root, name);
    let file: FileHandle | undefined;
    try {
      if (!path.startsWith(join(this.#root, '/'))) throw new Error(`it is ${path}`);
      // O_NONBLOCK: a FIFO must not hold the daemon.
      file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      // The kernel tells where we really are: anything but the path that was asked for went over a link.
      const reached = await readlink(`/proc/self/fd/${file.fd}`);
      if (reached !== path || !(await file.stat()).isFile()) throw new Error(`it is ${reached}`);
      return file;
    } catch (cause) {
      await file?.close();
      if (isENOENT(cause)) return undefined;
      const text = `"${name}" of the image layout is not a plain file inside it`;
      throw new DaemonError('failed-precondition', text, cause);
    }
  }
}
