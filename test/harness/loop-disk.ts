// A small file system of its own on a loop device, to be filled, cut off and copied.

import { execFileSync } from 'node:child_process';
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

function run(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export class LoopDisk {
  readonly directory: string;
  /** The file behind the device. */
  readonly image: string;
  /** Where it is mounted. */
  readonly path: string;

  private constructor(parent: string, fill: (image: string) => void) {
    this.directory = mkdtempSync(join(parent, 'loop-disk-'));
    this.image = join(this.directory, 'disk');
    this.path = join(this.directory, 'mounted');
    fill(this.image);
    mkdirSync(this.path);
    run('mount', '-o', 'loop', this.image, this.path);
  }

  /** Makes and mounts an ext4 without a reserve for root; its file is below `parent`. */
  static make(bytes: number, parent = tmpdir()): LoopDisk {
    return new LoopDisk(parent, (image) => {
      const fd = openSync(image, 'w');
      ftruncateSync(fd, bytes);
      closeSync(fd);
      run('mkfs.ext4', '-q', '-F', '-m', '0', image);
    });
  }

  /**
   * Mounts a copy of this disk as it was at one moment, without a sync: what had reached the device, as if the power had
   * gone. The mount replays the journal. Undefined when the device was written while it was copied.
   */
  snapshot(): LoopDisk | undefined {
    const before = this.#written();
    const copy = join(this.directory, 'copy');
    run('cp', '--sparse=always', this.image, copy);
    if (before === undefined || this.#written() !== before) {
      rmSync(copy);
      return undefined;
    }
    return new LoopDisk(join(this.directory, '..'), (image) => renameSync(copy, image));
  }

  /** Sectors written so far; undefined while a write is on its way. */
  #written(): string | undefined {
    const device = run('findmnt', '-n', '-o', 'SOURCE', this.path).trim().replace('/dev/', '');
    const fields = readFileSync(`/sys/block/${device}/stat`, 'utf8').trim().split(/\s+/);
    return fields[8] === '0' ? fields[6] : undefined;
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Takes all inodes, by empty files, which `leaveFree` takes away. */
  takeInodes(): void {
    const files = join(this.path, 'files');
    mkdirSync(files, { recursive: true });
    try {
      for (let number = readdirSync(files).length; ; number++)
        closeSync(openSync(join(files, `${number}`), 'w'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  /** Takes all space but about `bytes`; gives it back when called again, or with `undefined`. */
  leaveFree(bytes: number | undefined): void {
    const filler = join(this.path, 'filler');
    rmSync(filler, { force: true });
    rmSync(join(this.path, 'files'), { recursive: true, force: true });
    run('sync', '-f', this.path);
    if (bytes === undefined) return;
    const fd = openSync(filler, 'w');
    try {
      // The file's own maps take blocks too, so the last ones are taken one by one.
      for (const piece of [1 << 20, 4096]) {
        const block = Buffer.alloc(piece, 1);
        while (this.freeBytes - bytes >= piece && writeSync(fd, block) === piece) fsyncSync(fd);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(fd);
    }
  }

  destroy(): void {
    run('umount', '-l', this.path);
    rmSync(this.directory, { recursive: true });
  }
}

export function hasLoopDevices(): boolean {
  try {
    run('losetup', '-f');
    return true;
  } catch {
    return false;
  }
}
