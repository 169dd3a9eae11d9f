// Network configuration files of the CNI specification, versions 0.1.0 to 1.1.0: lists (.conflist) and single plugins
// (.conf, .json), which become lists of one.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isENOENT } from '../errors/errno.ts';
import { withPluginFiles } from './plugin-files.ts';

/** Versions of the specification that this folder speaks, oldest first. */
const cniVersions = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export type CniVersion = (typeof cniVersions)[number];

const maxFileBytes = 1024 * 1024;

export interface PluginConfig {
  /** Name of the plugin's binary. */
  readonly type: string;
  /** Names of the capabilities that the list asks the runtime to pass. */
  readonly capabilities: ReadonlySet<string>;
  /** The plugin's object as it stands in the file. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface NetworkConfig {
  readonly name: string;
  readonly cniVersion: CniVersion;
  readonly disableCheck: boolean;
  readonly disableGc: boolean;
  readonly plugins: readonly PluginConfig[];
  /** All that was read, as one text: what the sandbox's record keeps, so that DEL runs with what ADD had. */
  readonly text: string;
}

/** A file that cannot be used, and why. */
export interface BrokenFile {
  readonly file: string;
  readonly message: string;
}

export interface ConfiguredNetworks {
  /** The usable networks in the order of their file names; of two with one name, the first. */
  readonly networks: readonly NetworkConfig[];
  readonly broken: readonly BrokenFile[];
}

/** Whether `version` is `least` or later. */
export function isAtLeast(version: CniVersion, least: CniVersion): boolean {
  return cniVersions.indexOf(version) >= cniVersions.indexOf(least);
}

/**
 * Reads every configuration in `directory`. A broken file is reported and hides no other; a missing directory is empty.
 *
 * Configurations of the loopback plugin alone are passed over: the daemon brings `lo` up itself when it pins a namespace.
 */
export async function readNetworks(directory: string): Promise<ConfiguredNetworks> {
  const networks: NetworkConfig[] = [];
  const broken: BrokenFile[] = [];
  for (const file of await configurationFiles(directory)) {
    try {
      const text = await readBounded(join(directory, file));
      const network = parseNetwork(await withPluginFiles(text, directory, readBounded));
      const isLoopback = network.plugins.every((plugin) => plugin.type === 'loopback');
      const isShadowed = networks.some(({ name }) => name === network.name);
      if (!isLoopback && !isShadowed) networks.push(network);
    } catch (cause) {
      if (isENOENT(cause)) continue; // removed since the directory was read
      broken.push({ file, message: cause instanceof Error ? cause.message : String(cause) });
    }
  }
  return { networks, broken };
}

async function configurationFiles(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory);
    return names.filter((name) => /\.(conflist|conf|json)$/.test(name) && !name.startsWith('.')).sort();
  } catch (cause) {
    if (isENOENT(cause)) return [];
    throw cause;
  }
}

async function readBounded(path: string): Promise<string> {
  const { size, ...kind } = await stat(path).then((info) => ({ size: info.size, isFile: info.isFile() }));
  if (!kind.isFile) throw new Error('not a regular file');
  if (size > maxFileBytes) throw new Error(`larger than ${maxFileBytes} bytes`);
  return readFile(path, 'utf8');
}

/** Reads one configuration, list or single plugin; throws an Error whose message says what is wrong. */
export function parseNetwork(text: string): NetworkConfig {
  const file = objectOf(parseJson(text), 'the configuration');
  const { name, plugins } = file;
  if (typeof name !== 'string' || !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name))
    throw new Error(`"name" must be letters, digits, "_", "." and "-" (is ${JSON.stringify(name)})`);
  if (plugins !== undefined && (!Array.isArray(plugins) || plugins.length === 0))
    throw new Error('"plugins" must be a list with at least one plugin');
  const entries: unknown[] = plugins ?? [file];
  return {
    name,
    cniVersion: versionOf(file),
    disableCheck: file['disableCheck'] === true || file['disableCheck'] === 'true',
    disableGc: file['disableGC'] === true || file['disableGC'] === 'true',
    plugins: entries.map(parsePlugin),
    text,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`not JSON: ${(cause as Error).message}`, { cause });
  }
}

/** 1.1: `cniVersions` lists what the author tested, the newest common one is used. Before 0.2.0 there was no field. */
function versionOf(file: Record<string, unknown>): CniVersion {
  const { cniVersion, cniVersions: offered } = file;
  if (Array.isArray(offered)) {
    const common = cniVersions.findLast((version) => version === cniVersion || offered.includes(version));
    if (common !== undefined) return common;
  }
  if (cniVersion === undefined || cniVersion === '') return '0.1.0';
  const known = cniVersions.find((version) => version === cniVersion);
  if (known === undefined)
    throw new Error(`"cniVersion" ${JSON.stringify(cniVersion)} is not known (${cniVersions.join(', ')})`);
  return known;
}

function parsePlugin(value: unknown, index: number): PluginConfig {
  const fields = objectOf(value, `plugin ${index + 1}`);
  const { type, capabilities } = fields;
  // the type is looked up in the plugin directories: it must not lead out of them
  if (typeof type !== 'string' || !/^[^/\0]+$/.test(type) || type === '.' || type === '..')
    throw new Error(`plugin ${index + 1}: "type" must be the name of a binary (is ${JSON.stringify(type)})`);
  const wanted =
    capabilities === undefined ? {} : objectOf(capabilities, `"capabilities" of plugin "${type}"`);
  const names = Object.keys(wanted).filter((name) => wanted[name] === true);
  return { type, capabilities: new Set(names), fields };
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${what} is not a JSON object`);
  return value as Record<string, unknown>;
}
