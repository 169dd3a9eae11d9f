// What a directory takes on disk.

import { lstat, readdir } from 'node:fs/promises';

/** Bytes of the blocks that a file or tree has; what is gone meanwhile counts nothing. Links are not followed. */
export async function treeBytes(path: string | Buffer): Promise<number> {
  const waiting = [Buffer.from(path)];
  let total = 0;
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const stat = await lstat(at).catch(() => undefined);
    if (stat === undefined) continue;
    total += stat.blocks * 512;
    if (!stat.isDirectory()) continue;
    const names = await readdir(at, { encoding: 'buffer' }).catch(() => []);
    for (const name of names) waiting.push(Buffer.concat([at, Buffer.from('/'), name]));
  }
  return total;
}
