// syncfs(2): everything written to one file system is on disk afterwards.

import { open } from 'node:fs/promises';
import { callOffLoop, libc } from './libc.ts';

const syncfsCall = libc.func('int syncfs(int fd)');

/** Writes all dirty data of the file system that holds `path` to disk, on a thread of the pool. */
export async function syncFilesystem(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await callOffLoop(syncfsCall, [directory.fd], 'syncfs', path);
  } finally {
    await directory.close();
  }
}
