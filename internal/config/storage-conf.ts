// /etc/containers/storage.conf: what podman and the others on the node use is the default here too.

import { join } from 'node:path';
import { listDirectory } from '../fs/directories.ts';
import { readTextIfThere } from '../fs/read-text.ts';
import type { Problem } from './config-error.ts';
import { parseToml, type TomlTable } from './parse-toml.ts';
import type { Setting } from './setting.ts';
import { autoUserKey } from './storage-options.ts';
import { isTomlTable } from './value-type.ts';

export interface StorageConfInputs {
  /** The first that exists is read, with the drop-ins beside it. */
  readonly files: readonly string[];
  /** $STORAGE_DRIVER */
  readonly driver: string | undefined;
  /** $STORAGE_OPTS: it replaces the options of the files. */
  readonly options: string | undefined;
}

export interface StorageConf {
  readonly settings: Setting[];
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

/** The places of a node; $CONTAINERS_STORAGE_CONF is read in their stead. */
export function storageConfInputs(
  environment: Readonly<Record<string, string | undefined>>,
): StorageConfInputs {
  const own = environment['CONTAINERS_STORAGE_CONF'];
  return {
    files: own ? [own] : ['/etc/containers/storage.conf', '/usr/share/containers/storage.conf'],
    driver: environment['STORAGE_DRIVER'] || undefined,
    options: environment['STORAGE_OPTS'] || undefined,
  };
}

const paths = {
  graphroot: 'crio.root',
  runroot: 'crio.runroot',
  imagestore: 'crio.imagestore',
  driver: 'crio.storage_driver',
} as const;
/** Options of [storage.options] that [storage.options.overlay] may say too, and that the overlay driver has. */
const driverOptions = [
  'mountopt',
  'size',
  'inodes',
  'force_mask',
  'mount_program',
  'ignore_chown_errors',
  'skip_mount_home',
  'use_composefs',
  'sync',
];
/** Of [storage.options]: for other drivers and for user namespaces that the pod's own do without. */
const unheeded = ['remap-uids', 'remap-gids', 'remap-user', 'remap-group', 'additionallayerstores'];

/**
 * Settings from the file and its drop-ins, a later one of which replaces single keys; none when there is no file. An empty
 * value says nothing, a wrong type is a problem, and a key that has no effect here is a warning. Throws ConfigError when a
 * file is no TOML.
 */
export async function readStorageConf(inputs: StorageConfInputs): Promise<StorageConf> {
  const conf: StorageConf = { settings: [], problems: [], warnings: [] };
  const options: Setting[] = [];
  for (const { table, source } of await readFiles(inputs.files)) {
    const storage = isTomlTable(table['storage']) ? table['storage'] : {};
    readPaths(storage, source, conf);
    const fromFile = readOptions(storage, source, conf);
    const replaced = new Set(fromFile.map(({ key }) => key));
    options.splice(0, options.length, ...options.filter(({ key }) => !replaced.has(key)), ...fromFile);
  }
  if (inputs.driver !== undefined)
    conf.settings.push({ key: 'crio.storage_driver', value: inputs.driver, source: '$STORAGE_DRIVER' });
  const fromEnvironment = inputs.options?.split(',').map((item) => item.trim());
  const values =
    fromEnvironment ??
    options.flatMap(({ key, value }) => (value as string[]).map((item) => `${key}=${item}`));
  const source = fromEnvironment === undefined ? (options.at(-1)?.source ?? '') : '$STORAGE_OPTS';
  if (values.length > 0) conf.settings.push({ key: 'crio.storage_option', value: values, source });
  return conf;
}

async function readFiles(candidates: readonly string[]): Promise<{ table: TomlTable; source: string }[]> {
  for (const path of candidates) {
    const main = await readTable(path);
    const dropIns =
      path === '/dev/null' ? [] : (await listDirectory(`${path}.d`)).filter((name) => name.endsWith('.conf'));
    if (main === undefined && dropIns.length === 0) continue;
    const tables = main === undefined ? [] : [{ table: main, source: path }];
    for (const name of dropIns.sort()) {
      const source = join(`${path}.d`, name);
      tables.push({ table: (await readTable(source)) ?? {}, source });
    }
    return tables;
  }
  return [];
}

async function readTable(path: string): Promise<TomlTable | undefined> {
  const text = await readTextIfThere(path);
  return text === undefined ? undefined : parseToml(text, path);
}

function readPaths(storage: TomlTable, source: string, { settings, problems }: StorageConf): void {
  for (const [name, key] of Object.entries(paths)) {
    const value = storage[name];
    if (typeof value === 'string' && value !== '') settings.push({ key, value, source });
    else if (value !== undefined && typeof value !== 'string')
      problems.push({ source, key: `storage.${name}`, reason: 'expected a string' });
  }
}

/** The driver's options, each with its values, under the names that `storage_option` has for them. */
function readOptions(storage: TomlTable, source: string, { problems, warnings }: StorageConf): Setting[] {
  const options = isTomlTable(storage['options']) ? storage['options'] : {};
  const overlay = isTomlTable(options['overlay']) ? options['overlay'] : {};
  const found: Setting[] = [];
  const take = (key: string, name: string, value: unknown): void => {
    const values = Array.isArray(value) ? value : [value];
    const texts = values.map((item) => (typeof item === 'boolean' ? String(item) : item));
    if (texts.every((item) => typeof item === 'string')) {
      const said = texts.filter((item) => item !== '');
      if (said.length > 0 || Array.isArray(value)) found.push({ key, value: said, source });
    } else problems.push({ source, key: name, reason: 'expected a string' });
  };
  if (storage['transient_store'] !== undefined)
    take('transient_store', 'storage.transient_store', storage['transient_store']);
  if (options[autoUserKey] !== undefined)
    take(autoUserKey, `storage.options.${autoUserKey}`, options[autoUserKey]);
  if (options['additionalimagestores'] !== undefined)
    take('overlay.imagestore', 'storage.options.additionalimagestores', options['additionalimagestores']);
  for (const name of driverOptions) {
    const value = overlay[name] ?? options[name];
    if (value !== undefined) take(`overlay.${name}`, `storage.options.overlay.${name}`, value);
  }
  for (const name of unheeded.filter((key) => !isEmpty(options[key])))
    warnings.push({ source, key: `storage.options.${name}`, reason: 'ignored, it is not supported' });
  const pull = isTomlTable(options['pull_options']) ? options['pull_options'] : {};
  if (String(pull['enable_partial_images']) === 'true') {
    const reason = 'ignored, layers are always pulled whole';
    warnings.push({ source, key: 'storage.options.pull_options.enable_partial_images', reason });
  }
  return found;
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
}
