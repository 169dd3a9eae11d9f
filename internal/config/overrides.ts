// Flags and environment variables, both made of the option table.

import { ConfigError, type Problem } from './config-error.ts';
import { handlersFromText } from './handlers-from-text.ts';
import { type ListedOption, optionList } from './option-list.ts';
import type { Setting } from './setting.ts';

export interface FlagValue {
  /** Without hyphens: a flag's name or one of its aliases. */
  readonly name: string;
  /** Undefined when the flag stands alone, as a boolean one may. */
  readonly value: string | undefined;
}

/** Settings from the environment. An empty variable counts as unset. Throws ConfigError with all unusable values. */
export function settingsFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Setting[] {
  const problems: Problem[] = [];
  const settings = optionList.flatMap((listed) => {
    const text = listed.env === undefined ? undefined : environment[listed.env];
    if (text === undefined || text === '') return [];
    return settingOf(listed, [text], `$${listed.env}`, problems);
  });
  const handlers = environment['CONTAINER_RUNTIMES'];
  if (handlers) settings.push(...handlersFromText(handlers.split(','), '$CONTAINER_RUNTIMES', problems));
  if (problems.length > 0) throw new ConfigError(problems);
  return settings;
}

/**
 * Settings from flags, in the order of the option table. Of a flag that is there twice the last one counts; a list's
 * items are joined. Throws ConfigError with all unusable values. Unknown names are the caller's to refuse.
 */
export function settingsFromFlags(flags: readonly FlagValue[]): Setting[] {
  const problems: Problem[] = [];
  const settings = optionList.flatMap((listed) => {
    const given = flags.filter(({ name }) => name === listed.flag || listed.aliases.includes(name));
    if (given.length === 0) return [];
    const texts = given.map(({ value }) => value ?? 'true');
    return settingOf(listed, texts, `--${listed.flag}`, problems);
  });
  const handlers = flags.filter(({ name }) => name === 'runtimes').map(({ value }) => value ?? '');
  settings.push(...handlersFromText(handlers, '--runtimes', problems));
  if (problems.length > 0) throw new ConfigError(problems);
  return settings;
}

function settingOf(
  { key, option }: ListedOption,
  texts: readonly string[],
  source: string,
  problems: Problem[],
): Setting[] {
  const { type } = option;
  const last = texts.at(-1) ?? '';
  if (option.extras.emptyKeeps && last === '') return [];
  // A comma separates items only where there is one text: a repeated flag gives its items as they are.
  const value = type.isList && texts.length > 1 ? texts : type.fromText(last);
  if (value !== undefined) return [{ key, value, source }];
  problems.push({ source, key, reason: `expected ${type.name}, found ${JSON.stringify(last)}` });
  return [];
}
