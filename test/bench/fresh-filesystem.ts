// An ext4 of its own: on a disk that has been in use, where a directory happens to lie decides how fast files are made in it
// (twenty times and more were seen), which is no property of who makes them.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { attempt, command } from '../harness/command.ts';

const sizeGiB = 12;

export class FreshFilesystem {
  /** Its mount point. */
  readonly path: string;
  readonly #image: string;

  private constructor(path: string, image: string) {
    this.path = path;
    this.#image = image;
  }

  /** Makes a sparse file below `directory` and mounts it there. */
  static async mount(directory: string): Promise<FreshFilesystem> {
    const image = join(directory, 'disk.img');
    const path = join(directory, 'disk');
    mkdirSync(path);
    await command(['truncate', '--size', `${sizeGiB}G`, image]);
    await command(['mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image]);
    await command(['mount', '-o', 'loop', image, path]);
    return new FreshFilesystem(path, image);
  }

  async close(): Promise<void> {
    await attempt(['umount', this.path]);
    rmSync(this.#image);
  }
}
