// From all sources to one frozen configuration. Lowest first: built-in defaults, storage.conf, the main file, drop-in
// files, environment, flags.

import { ConfigError, type Problem } from './config-error.ts';
import { dropInFiles, readConfigFile } from './config-files.ts';
import { deriveConfig } from './derive-config.ts';
import { ineffectiveOptions } from './ineffective-options.ts';
import { mergeSettings } from './merge-settings.ts';
import type { Config } from './options.ts';
import { parseToml } from './parse-toml.ts';
import { type Reading, readSettings, type Setting } from './setting.ts';
import { readStorageConf, type StorageConfInputs, storageConfInputs } from './storage-conf.ts';

export interface ConfigInputs {
  /** The main file; empty for none. */
  readonly configFile: string;
  /** False when `configFile` is only the usual place, where there need not be a file. */
  readonly configFileRequired: boolean;
  /** Directory of drop-in files; empty for none. */
  readonly configDir: string;
  readonly storageConf: StorageConfInputs;
  /** From the environment and the flags, in this order. */
  readonly overrides: readonly Setting[];
}

export interface LoadedConfig {
  readonly config: Config;
  /** The same before `validateConfig` filled in what depends on the node: what files, environment and flags say. */
  readonly written: Config;
  /** What the configuration is without file, environment and flag: the built-in values and those of storage.conf. */
  readonly defaults: Config;
  /** Where the value of a dotted key comes from; a key that is at its default is absent. */
  readonly sources: ReadonlyMap<string, string>;
  /** Values of a wrong type, which were left out. */
  readonly problems: readonly Problem[];
  /** Unknown keys, keys without effect, deprecated ones; to be logged once. */
  readonly warnings: readonly Problem[];
  /** Files that were read, in order. */
  readonly files: readonly string[];
  /** For a later reload. */
  readonly inputs: ConfigInputs;
}

export const usualConfigInputs: ConfigInputs = {
  configFile: '/etc/crio/crio.conf',
  configFileRequired: false,
  configDir: '/etc/crio/crio.conf.d',
  storageConf: storageConfInputs({}),
  overrides: [],
};

/**
 * Reads and merges everything. Unknown keys become warnings. Files that cannot be read or parsed are all reported in one
 * ConfigError; values of a wrong type are kept in `problems`, for `checkValues` to report with everything else it finds.
 */
export async function loadConfig(inputs: ConfigInputs): Promise<LoadedConfig> {
  const unreadable: Problem[] = [];
  const storage = await collect(unreadable, () => readStorageConf(inputs.storageConf));
  const problems: Problem[] = [...(storage?.problems ?? [])];
  const files: string[] = [];
  const readings: Reading[] = [];
  for (const { path, required } of await filesToRead(inputs)) {
    const reading = await collect(unreadable, () => readFileSettings(path, required));
    if (reading === undefined) continue;
    files.push(path);
    readings.push(reading);
    problems.push(...reading.problems);
  }
  if (unreadable.length > 0) throw new ConfigError([...problems, ...unreadable]);
  const base = storage?.settings ?? [];
  const fromFiles = readings.flatMap((reading) => reading.settings);
  const merged = mergeSettings([...base, ...fromFiles, ...inputs.overrides]);
  const derived = deriveConfig(merged.config, merged.sources);
  const unknown = readings.flatMap((reading) => reading.warnings);
  return {
    config: derived.config,
    written: derived.config,
    defaults: mergeSettings(base).config,
    sources: merged.sources,
    problems,
    warnings: [
      ...(storage?.warnings ?? []),
      ...unknown,
      ...derived.warnings,
      ...ineffectiveOptions(merged.config, merged.sources),
    ],
    files,
    inputs,
  };
}

async function filesToRead(inputs: ConfigInputs): Promise<{ path: string; required: boolean }[]> {
  const main =
    inputs.configFile === '' ? [] : [{ path: inputs.configFile, required: inputs.configFileRequired }];
  const dropIns = inputs.configDir === '' ? [] : await dropInFiles(inputs.configDir);
  return [...main, ...dropIns.map((path) => ({ path, required: true }))];
}

async function readFileSettings(path: string, required: boolean): Promise<Reading | undefined> {
  const text = await readConfigFile(path, required);
  return text === undefined ? undefined : readSettings(parseToml(text, path), path);
}

/** Runs one step; a ConfigError of it is kept with the others. */
async function collect<T>(problems: Problem[], step: () => Promise<T>): Promise<T | undefined> {
  try {
    return await step();
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    problems.push(...cause.problems);
    return undefined;
  }
}
