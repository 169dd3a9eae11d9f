// The flags that a command line may have: those of the verb, the few that say where the configuration is, and one for
// each option of the option table.

import { textOf } from '../../../internal/config/option.ts';
import { optionList } from '../../../internal/config/option-list.ts';

export interface Flag {
  /** Without hyphens. */
  readonly name: string;
  readonly aliases: readonly string[];
  /** What stands for the value in the help; empty for a flag that needs none. */
  readonly placeholder: string;
  readonly doc: string;
  readonly env?: string | undefined;
}

/** Of the verbs that print something for programs. */
export const jsonFlag: Flag = { name: 'json', aliases: ['j'], placeholder: '', doc: 'Print JSON.' };

export const generalFlags: readonly Flag[] = [
  {
    name: 'config',
    aliases: ['c'],
    placeholder: 'PATH',
    doc: 'Configuration file; "" for none. The usual one need not exist.',
    env: 'CONTAINER_CONFIG',
  },
  {
    name: 'config-dir',
    aliases: ['d'],
    placeholder: 'PATH',
    doc: 'Directory of drop-in files, all of which are read, in order of their names; "" for none.',
    env: 'CONTAINER_CONFIG_DIR',
  },
  { name: 'help', aliases: ['h'], placeholder: '', doc: 'Show this help.' },
  { name: 'version', aliases: ['v'], placeholder: '', doc: 'Show the version.' },
];

/** Flags of CRI-O without a meaning here. They are accepted because nodes have them in their environment files. */
export const ignoredFlags: readonly Flag[] = [
  { name: 'log', aliases: [], placeholder: 'PATH', doc: '' },
  { name: 'profile', aliases: [], placeholder: '', doc: '' },
  { name: 'profile-cpu', aliases: [], placeholder: 'PATH', doc: '' },
  { name: 'profile-mem', aliases: [], placeholder: 'PATH', doc: '' },
  { name: 'profile-port', aliases: [], placeholder: 'PORT', doc: '' },
  { name: 'enable-profile-unix-socket', aliases: [], placeholder: '', doc: '' },
  { name: 'registries-conf-dir', aliases: [], placeholder: 'PATH', doc: '' },
];

const runtimesFlag: Flag = {
  name: 'runtimes',
  aliases: [],
  placeholder: 'NAME:PATH[:ROOT[:TYPE]]',
  doc: 'A runtime handler; may be repeated. After the type may come privileged_without_host_devices, the configuration path and container_min_memory.',
  env: 'CONTAINER_RUNTIMES',
};

/** One flag for each option that has one. */
export const optionFlags: readonly Flag[] = [
  ...optionList.flatMap(({ flag, aliases, env, option }) =>
    flag === undefined
      ? []
      : [{ name: flag, aliases, placeholder: option.type.placeholder, doc: textOf(option), env }],
  ),
  runtimesFlag,
];
