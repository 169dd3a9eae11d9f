// Plugins of a network in files of their own: those of NETWORK/*.conf beside a list run after the plugins of the list, unless that
// says `loadOnlyInlinedPlugins` (CNI specification). So somebody chains a plugin without a change to the file of somebody else.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';

/**
 * The text of a configuration in `directory` with such plugins among its own, so that it says all by itself. As it is when there are
 * none, and when it is no list. Throws an Error that names the file which cannot be used.
 */
export async function withPluginFiles(
  text: string,
  directory: string,
  read: (path: string) => Promise<string>,
): Promise<string> {
  const list = objectOf(text);
  const name = list?.['name'];
  if (list === undefined || typeof name !== 'string' || !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name))
    return text;
  const { plugins, type, loadOnlyInlinedPlugins: isComplete } = list;
  const isSingle = plugins === undefined && type !== undefined;
  if (isSingle || isComplete === true || isComplete === 'true') return text;
  const files = await pluginFiles(join(directory, name));
  if (files.length === 0) return text;
  const added: object[] = [];
  for (const file of files) {
    const content = await read(join(directory, name, file)).catch((cause: unknown) => {
      throw new Error(`${name}/${file} cannot be read: ${errnoCode(cause) ?? describeError(cause)}`, {
        cause,
      });
    });
    const plugin = objectOf(content);
    if (plugin === undefined) throw new Error(`${name}/${file} is not a JSON object`);
    added.push(plugin);
  }
  const own: unknown[] = Array.isArray(plugins) ? plugins : [];
  return JSON.stringify({ ...list, plugins: [...own, ...added], loadOnlyInlinedPlugins: true });
}

async function pluginFiles(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries
      .flatMap((entry) =>
        entry.isDirectory() || !entry.name.endsWith('.conf') || entry.name.startsWith('.')
          ? []
          : [entry.name],
      )
      .sort();
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoCode(cause) ?? '')) return [];
    throw cause;
  }
}

/** Undefined for what is none; what is wrong with it is for whoever reads the whole. */
function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
