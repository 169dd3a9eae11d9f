// An archive to a file or to standard output.

import { randomBytes } from 'node:crypto';
import { open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Terminal } from './cli/terminal.ts';

/** Replaces `path` when the archive is whole; else the file is as it was and nothing stays beside it. */
export async function writeArchive(
  archive: AsyncIterable<Uint8Array>,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  const file = await open(temporary, 'wx', 0o644);
  try {
    for await (const chunk of archive) {
      signal.throwIfAborted();
      await file.writeFile(chunk);
    }
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } catch (cause) {
    await file.close().catch(() => {}); // closed already, or what failed
    await unlink(temporary);
    throw cause;
  }
}

export async function sendArchive(
  archive: AsyncIterable<Uint8Array>,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  for await (const chunk of archive) {
    signal.throwIfAborted();
    await terminal.write(chunk);
  }
}
