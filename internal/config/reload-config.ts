// SIGHUP: all that may change is taken over at once, or nothing is.

import { type LoadedConfig, loadConfig } from './load-config.ts';
import { configPath, thawed, valueAt } from './merge-settings.ts';
import { optionList } from './option-list.ts';
import { type Config, deepFreeze, sections } from './options.ts';
import { setIn } from './setting.ts';
import { validateConfig } from './validate-config.ts';

export interface Reloaded {
  readonly loaded: LoadedConfig;
  /** Keys whose new value is in `loaded`. */
  readonly changed: readonly string[];
  /** Keys that have a new value in the files and keep their old one until the daemon starts again. */
  readonly needRestart: readonly string[];
}

/**
 * Reads everything again and returns the configuration that is to apply from now on; flags and environment count as they
 * did at the start. Throws ConfigError when what is there now cannot work: then nothing changes.
 */
export async function reloadConfig(current: LoadedConfig, searchPath: string): Promise<Reloaded> {
  const next = await loadConfig(current.inputs);
  // All of it, also what waits for a restart: better to hear of a mistake now than at a start in the night.
  const { warnings } = await validateConfig(next, searchPath);
  const keys = [...optionList.map(({ key }) => key), ...entriesKeys];
  const different = keys.filter((key) => !isSame(key, current.written, next.written));
  const changed = different.filter((key) => reloadableKeys.has(key));
  const mixed = thawed(current.written);
  for (const key of changed) setIn(mixed, configPath(key), valueAt(next.written, configPath(key)));
  const written = deepFreeze(mixed as unknown as Config);
  const loaded = await validateConfig({ ...next, config: written, written }, searchPath);
  return {
    loaded: { ...loaded, warnings },
    changed,
    needRestart: different.filter((key) => !reloadableKeys.has(key)),
  };
}

const { runtimes, workloads } = sections.runtime.options;

const entriesKeys = ['crio.runtime.runtimes', 'crio.runtime.workloads'];

const reloadableKeys: ReadonlySet<string> = new Set([
  ...optionList.filter(({ option }) => option.extras.reloadable).map(({ key }) => key),
  ...(runtimes.reloadable ? ['crio.runtime.runtimes'] : []),
  ...(workloads.reloadable ? ['crio.runtime.workloads'] : []),
]);

function isSame(key: string, left: Config, right: Config): boolean {
  const path = configPath(key);
  return JSON.stringify(valueAt(left, path)) === JSON.stringify(valueAt(right, path));
}
