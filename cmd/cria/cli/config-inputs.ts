// Where the configuration comes from, by flags and environment.

import { type ConfigInputs, usualConfigInputs } from '../../../internal/config/load-config.ts';
import {
  type FlagValue,
  settingsFromEnvironment,
  settingsFromFlags,
} from '../../../internal/config/overrides.ts';
import { storageConfInputs } from '../../../internal/config/storage-conf.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Flags before variables before the usual places. Throws ConfigError for values that no option takes. */
export function configInputs(flags: readonly FlagValue[], environment: Environment): ConfigInputs {
  const given = (name: string, variable: string): string | undefined =>
    flags.findLast((flag) => flag.name === name)?.value ?? environment[variable];
  const configFile = given('config', 'CONTAINER_CONFIG');
  return {
    ...usualConfigInputs,
    configFile: configFile ?? usualConfigInputs.configFile,
    configFileRequired: configFile !== undefined,
    configDir: given('config-dir', 'CONTAINER_CONFIG_DIR') ?? usualConfigInputs.configDir,
    storageConf: storageConfInputs(environment),
    overrides: [...settingsFromEnvironment(environment), ...settingsFromFlags(flags)],
  };
}
