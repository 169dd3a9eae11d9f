// Whether the daemon can run with a configuration on this node. Every problem is found before anything is started.

import { fileURLToPath } from 'node:url';
import { readTimeZone } from '../documents/time-zones.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { timeZone } from './checked-types.ts';
import { ConfigError, type Problem } from './config-error.ts';
import { whyNotExecutable } from './executable.ts';
import type { LoadedConfig } from './load-config.ts';
import { configPath, valueAt } from './merge-settings.ts';
import { optionList } from './option-list.ts';
import { type Config, deepFreeze } from './options.ts';
import { resolveHandlers } from './resolve-handlers.ts';

/**
 * Problems in the values themselves, without a look at the node: what `cria config` checks.
 *
 * Handlers are left to `validateConfig`, because a broken one that is not the default stops nothing.
 */
export function checkValues(loaded: Pick<LoadedConfig, 'config' | 'sources' | 'problems'>): Problem[] {
  const { config, sources, problems: mistyped } = loaded;
  const problems = optionList.flatMap(({ key, option }) => {
    const value = valueAt(config, configPath(key));
    const reason = option.type.problemOf(value);
    return reason === undefined ? [] : [{ source: sources.get(key) ?? 'default', key, reason }];
  });
  return [...mistyped, ...problems, ...crossProblems(config, sources)];
}

function crossProblems(config: Config, sources: ReadonlyMap<string, string>): Problem[] {
  const { api, crio, metrics, runtime } = config;
  const problems: Problem[] = [];
  const problem = (key: string, reason: string): void => {
    problems.push({ source: sources.get(key) ?? 'default', key, reason });
  };
  if (crio.storage_driver !== 'overlay')
    problem('crio.storage_driver', `"${crio.storage_driver}" is not supported, only "overlay" is`);
  if (!Object.hasOwn(runtime.runtimes, runtime.default_runtime)) {
    const names = Object.keys(runtime.runtimes).sort().join(', ');
    const reason = `"${runtime.default_runtime}" has no entry in [crio.runtime.runtimes] (there are: ${names})`;
    problem('crio.runtime.default_runtime', reason);
  }
  if ((metrics.metrics_cert === '') !== (metrics.metrics_key === ''))
    problem('crio.metrics.metrics_cert', 'metrics_cert and metrics_key are set together or not at all');
  if (api.stream_enable_tls && (api.stream_tls_cert === '' || api.stream_tls_key === ''))
    problem('crio.api.stream_enable_tls', 'TLS needs stream_tls_cert and stream_tls_key');
  for (const [name, workload] of Object.entries(runtime.workloads)) {
    if (workload.activation_annotation === '')
      problem(
        `crio.runtime.workloads.${name}`,
        'activation_annotation is missing, no pod would belong to it',
      );
  }
  for (const [key, items] of [
    ['crio.runtime.default_sysctls', runtime.default_sysctls],
    ['crio.runtime.default_ulimits', runtime.default_ulimits],
  ] as const) {
    const twice = repeatedName(items);
    if (twice !== undefined) problem(key, `"${twice}" is there twice`);
  }
  return problems;
}

/** The first name before `=` that an earlier item has too: which of the two counts would be a guess. */
function repeatedName(items: readonly string[]): string | undefined {
  const names = items.map((item) => item.slice(0, item.indexOf('=')).trim());
  return names.find((name, index) => names.indexOf(name) !== index);
}

/**
 * The configuration with everything filled in that depends on the node: handlers with their programs, the monitor and
 * pause programs. A handler that cannot work is dropped with a warning, unless it is the default one.
 *
 * Throws ConfigError with all problems. `searchPath` is the PATH in which runtimes are looked up.
 */
export async function validateConfig(loaded: LoadedConfig, searchPath: string): Promise<LoadedConfig> {
  const { config, sources } = loaded;
  const resolved = await resolveHandlers(config, sources, searchPath);
  const monitorPath = monitorProgram(config);
  const pausePath = config.cria.pause_path || builtProgram('cria-pause');
  const programs = [
    await programProblem('cria.monitor_path', monitorPath, sources),
    await programProblem('cria.pause_path', pausePath, sources),
  ];
  const zones = await timeZoneProblem(config, sources);
  const problems = [...checkValues(loaded), ...resolved.problems, ...programs.flat(), ...zones];
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    ...loaded,
    config: deepFreeze({
      ...config,
      runtime: { ...config.runtime, runtimes: resolved.handlers },
      cria: { ...config.cria, monitor_path: monitorPath, pause_path: pausePath },
    }),
    warnings: [...loaded.warnings, ...resolved.warnings],
  };
}

async function timeZoneProblem(
  { runtime: { timezone } }: Config,
  sources: ReadonlyMap<string, string>,
): Promise<Problem[]> {
  const key = 'crio.runtime.timezone';
  if (timezone === '' || timeZone.problemOf(timezone) !== undefined) return [];
  try {
    await readTimeZone(timezone);
    return [];
  } catch (cause) {
    if (!(cause instanceof DaemonError)) throw cause;
    return [{ source: sources.get(key) ?? 'default', key, reason: cause.message }];
  }
}

/** The monitor that the configuration names, or the one built with cria; for commands that need nothing else of the node. */
export function monitorProgram({ cria }: Config): string {
  return cria.monitor_path || builtProgram('cria-monitor');
}

// The native programs lie in dist/bin, two folders above this compiled file.
function builtProgram(name: string): string {
  return fileURLToPath(new URL(`../../bin/${name}`, import.meta.url));
}

async function programProblem(
  key: string,
  path: string,
  sources: ReadonlyMap<string, string>,
): Promise<Problem[]> {
  const reason = await whyNotExecutable(path);
  return reason === undefined ? [] : [{ source: sources.get(key) ?? 'default', key, reason }];
}
