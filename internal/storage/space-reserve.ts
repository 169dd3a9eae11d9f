// A little space and an inode that are kept, so that on a full disk the lists can still be written: without that nothing could be
// removed, and nobody could free space.

import { existsSync } from 'node:fs';
import { open, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isDiskFull, isENOENT } from '../errors/errno.ts';

const reserveBytes = 512 * 1024;
/** A file system with less free keeps what it has. */
const neededBytes = 16 * reserveBytes;

export class SpaceReserve {
  readonly #path: string;

  constructor(graphRoot: string) {
    this.#path = join(graphRoot, 'cria-reserve');
  }

  /** Takes the space again, if there is enough. */
  async fill(): Promise<void> {
    if (existsSync(this.#path)) return;
    const { bavail, bsize } = await statfs(join(this.#path, '..'));
    if (bavail * bsize < neededBytes) return;
    try {
      const file = await open(this.#path, 'w', 0o600);
      try {
        await file.writeFile(Buffer.alloc(reserveBytes, 'reserve '));
        await file.datasync();
      } finally {
        await file.close();
      }
    } catch (cause) {
      if (!isDiskFull(cause)) throw cause;
      await this.release();
    }
  }

  /** Gives the space to whoever writes next; false when there is none. */
  async release(): Promise<boolean> {
    try {
      await unlink(this.#path);
      return true;
    } catch (cause) {
      if (isENOENT(cause)) return false;
      throw cause;
    }
  }
}
