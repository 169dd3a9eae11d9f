// /etc/containers/storage.conf: the values that podman and the others on the node use are the defaults here too.

import { readFile } from 'node:fs/promises';
import { isENOENT } from '../errors/errno.ts';
import type { Problem } from './config-error.ts';
import { parseToml } from './parse-toml.ts';
import type { Setting } from './setting.ts';
import { isTomlTable } from './value-type.ts';

const keys = { graphroot: 'crio.root', runroot: 'crio.runroot', driver: 'crio.storage_driver' } as const;

/**
 * Settings from the `[storage]` table of the file; none when there is no file. An empty value says nothing, a wrong
 * type is a problem. Throws ConfigError when the file is no TOML.
 */
export async function readStorageConf(path: string): Promise<{ settings: Setting[]; problems: Problem[] }> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (isENOENT(cause)) return { settings: [], problems: [] };
    throw cause;
  }
  const storage = parseToml(text, path)['storage'];
  const settings: Setting[] = [];
  const problems: Problem[] = [];
  for (const [name, key] of Object.entries(keys)) {
    const value = isTomlTable(storage) ? storage[name] : undefined;
    if (typeof value === 'string' && value !== '') settings.push({ key, value, source: path });
    else if (value !== undefined && typeof value !== 'string')
      problems.push({ source: path, key: `storage.${name}`, reason: 'expected a string' });
  }
  return { settings, problems };
}
