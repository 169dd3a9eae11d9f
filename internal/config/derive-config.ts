// What some values mean for others: CRI-O's deprecated keys and lower bounds, applied once after merging.

import type { Problem } from './config-error.ts';
import { defaultsOf } from './option.ts';
import { type Config, deepFreeze, type RuntimeHandler, sections } from './options.ts';

export interface Derived {
  readonly config: Config;
  readonly warnings: readonly Problem[];
}

/** The configuration with CRI-O's deprecated keys carried over to their successors, and values below their floor raised. */
export function deriveConfig(config: Config, sources: ReadonlyMap<string, string>): Derived {
  const warnings: Problem[] = [];
  const { runtime, network, api, checkpoint_restore } = config;
  const warn = (key: string, reason: string): void => {
    warnings.push({ source: sources.get(key) ?? 'default', key, reason });
  };
  if (network.plugin_dir !== '') warn('crio.network.plugin_dir', 'deprecated, added to plugin_dirs');
  if (runtime.ctr_stop_timeout < minimumStopSeconds && sources.has('crio.runtime.ctr_stop_timeout'))
    warn('crio.runtime.ctr_stop_timeout', `${runtime.ctr_stop_timeout} is raised to ${minimumStopSeconds}`);
  const derived = {
    ...config,
    api: { ...api, ...messageSizes(api) },
    runtime: {
      ...runtime,
      ctr_stop_timeout: Math.max(runtime.ctr_stop_timeout, minimumStopSeconds),
      runtimes: mapValues(runtime.runtimes, (handler) => deriveHandler(handler, runtime)),
    },
    network: {
      ...network,
      plugin_dirs: [...network.plugin_dirs, network.plugin_dir].filter((path) => path !== ''),
      plugin_dir: '',
    },
    checkpoint_restore: {
      container_level_enabled: runtime.enable_criu_support
        ? checkpoint_restore.container_level_enabled
        : ('none' as const),
    },
  };
  return { config: deepFreeze(derived), warnings };
}

const minimumStopSeconds = 30;
const minimumCreateSeconds = 30;

function deriveHandler(handler: RuntimeHandler, runtime: Config['runtime']): RuntimeHandler {
  return {
    ...handler,
    monitor_cgroup: runtime.conmon_cgroup || handler.monitor_cgroup,
    monitor_env: runtime.conmon_env.length > 0 ? runtime.conmon_env : handler.monitor_env,
    container_create_timeout: Math.max(handler.container_create_timeout, minimumCreateSeconds),
  };
}

function messageSizes(api: Config['api']): Partial<Config['api']> {
  const { grpc_max_send_msg_size: send, grpc_max_recv_msg_size: receive } = defaultsOf(sections.api.options);
  return {
    grpc_max_send_msg_size: api.grpc_max_send_msg_size > 0 ? api.grpc_max_send_msg_size : send,
    grpc_max_recv_msg_size: api.grpc_max_recv_msg_size > 0 ? api.grpc_max_recv_msg_size : receive,
  };
}

function mapValues<T, U>(object: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}
