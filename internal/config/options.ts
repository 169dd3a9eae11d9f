// The option table: every key that the daemon knows, by TOML table. The Config type, reading, flags, environment,
// `cria config`, the help texts and the manual are made of it.

import { defaultsOf, type OptionTable, type ValuesOf } from './option.ts';
import { apiOptions } from './options-api.ts';
import { criaOptions } from './options-cria.ts';
import { crioOptions } from './options-crio.ts';
import { imageOptions } from './options-image.ts';
import { networkOptions } from './options-network.ts';
import { checkpointOptions, nriOptions } from './options-nri.ts';
import { metricsOptions, statsOptions, tracingOptions } from './options-observability.ts';
import { runtimeOptions } from './options-runtime.ts';

export const sections = {
  crio: { table: 'crio', title: 'Storage and state', options: crioOptions },
  api: { table: 'crio.api', title: 'Sockets and streams', options: apiOptions },
  runtime: { table: 'crio.runtime', title: 'Containers', options: runtimeOptions },
  image: { table: 'crio.image', title: 'Images', options: imageOptions },
  network: { table: 'crio.network', title: 'Network', options: networkOptions },
  metrics: { table: 'crio.metrics', title: 'Metrics', options: metricsOptions },
  tracing: { table: 'crio.tracing', title: 'Tracing', options: tracingOptions },
  stats: { table: 'crio.stats', title: 'Statistics', options: statsOptions },
  nri: { table: 'crio.nri', title: 'Node Resource Interface', options: nriOptions },
  checkpoint_restore: {
    table: 'crio.checkpoint_restore',
    title: 'Checkpoint and restore',
    options: checkpointOptions,
  },
  cria: { table: 'cria', title: 'Of cria alone', options: criaOptions },
} as const satisfies Record<string, Section>;

export interface Section {
  /** Name of the TOML table. */
  readonly table: string;
  readonly title: string;
  readonly options: OptionTable;
}

type Sections = typeof sections;

export type SectionName = keyof Sections;

/** The whole configuration: one object per TOML table, with the keys of the TOML. Frozen through and through. */
export type Config = { readonly [S in SectionName]: ValuesOf<Sections[S]['options']> };

/** One entry of `config.runtime.runtimes`. */
export type RuntimeHandler = NonNullable<Config['runtime']['runtimes'][string]>;

/** The sections as a list, for those who treat them all alike. */
export const sectionList: readonly (readonly [SectionName, Section])[] = Object.entries(
  sections,
) as (readonly [SectionName, Section])[];

/** The built-in configuration: what a daemon runs with when there is no file, flag or variable at all. */
export function defaultConfig(): Config {
  const values = sectionList.map(([name, section]) => [name, defaultsOf(section.options)]);
  return deepFreeze(Object.fromEntries(values) as Config);
}

/** Freezes an object and everything in it. */
export function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  }
  return Object.freeze(value);
}
