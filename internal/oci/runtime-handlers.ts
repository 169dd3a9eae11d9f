// The runtime handlers of the configuration, each probed once for what it can do.

import { existsSync } from 'node:fs';
import { DaemonError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { CliRuntime, runtimeCommand } from './cli-runtime.ts';
import type {
  OciRuntime,
  RecordedRuntime,
  RuntimeFeatures,
  RuntimeHandler,
  RuntimeHandlers,
} from './oci-runtime.ts';
import { probeRuntime } from './probe-runtime.ts';

export interface HandlerSettings
  extends Omit<RuntimeHandler, 'runtime' | 'features' | 'recorded' | 'platformRuntimes'> {
  readonly path: string;
  readonly root: string;
  readonly args: readonly string[];
  /** NAME=VALUE; the environment of the runtime, whose PATH is the usual one unless it is among them. */
  readonly monitorEnv: readonly string[];
  /** Programs by platform of the image. */
  readonly platformPaths: Readonly<Record<string, string>>;
}

export interface HandlersSettings {
  readonly handlers: readonly HandlerSettings[];
  readonly defaultName: string;
  readonly systemdCgroup: boolean;
}

export interface ChangingHandlers extends RuntimeHandlers {
  /** Asks other handlers what they can do; from the call of what it gives on there are these. What exists goes on by its record. */
  prepare(settings: HandlersSettings): Promise<() => void>;
}

/** Makes the drivers and asks every runtime for its features. */
export async function openRuntimeHandlers(
  settings: HandlersSettings,
  runner: CommandRunner,
  logger: Logger,
): Promise<ChangingHandlers> {
  const handlers = new ConfiguredHandlers(runner, logger);
  (await handlers.prepare(settings))();
  return handlers;
}

async function openHandlers(
  { handlers, systemdCgroup }: HandlersSettings,
  runner: CommandRunner,
  logger: Logger,
): Promise<RuntimeHandler[]> {
  const opened = handlers.map(async (handler): Promise<RuntimeHandler> => {
    const { path, root, args, monitorEnv: env, platformPaths, ...rest } = handler;
    const driver = (program: string): CliRuntime =>
      new CliRuntime(runtimeCommand({ path: program, root, args, systemdCgroup, env }), runner);
    const platforms = Object.entries(platformPaths).map(([name, program]) => [name, driver(program)]);
    const runtime = driver(path);
    const features = await probeRuntime(path, runner, logger);
    const recorded = record(runtime, features, undefined);
    return { ...rest, runtime, features, recorded, platformRuntimes: Object.fromEntries(platforms) };
  });
  return Promise.all(opened);
}

function forPlatform(handler: RuntimeHandler, platform: string): RuntimeHandler {
  if (!Object.hasOwn(handler.platformRuntimes, platform)) return handler;
  const runtime = handler.platformRuntimes[platform] ?? handler.runtime;
  return { ...handler, runtime, recorded: record(runtime, handler.features, platform) };
}

function record(
  { path, root, globalArgs, env }: OciRuntime,
  features: RuntimeFeatures,
  platform: string | undefined,
): RecordedRuntime {
  return { path, root, globalArgs, env, features, platform };
}

class ConfiguredHandlers implements ChangingHandlers {
  readonly #runner: CommandRunner;
  readonly #logger: Logger;
  #byName: ReadonlyMap<string, RuntimeHandler> = new Map();
  #defaultName = '';

  constructor(runner: CommandRunner, logger: Logger) {
    this.#runner = runner;
    this.#logger = logger;
  }

  get defaultName(): string {
    return this.#defaultName;
  }

  async prepare(settings: HandlersSettings): Promise<() => void> {
    const handlers = await openHandlers(settings, this.#runner, this.#logger);
    return () => {
      this.#byName = new Map(handlers.map((handler) => [handler.name, handler]));
      this.#defaultName = settings.defaultName;
    };
  }

  get(name: string, platform = ''): RuntimeHandler {
    const handler = this.#byName.get(name === '' ? this.defaultName : name);
    if (handler !== undefined) return forPlatform(handler, platform);
    const known = [...this.#byName.keys()].sort().join(', ');
    throw new DaemonError('not-found', `runtime handler "${name}" is not configured (there are: ${known})`);
  }

  of(name: string, recorded: RecordedRuntime | undefined): RuntimeHandler {
    const configured = this.#byName.get(name);
    if (recorded === undefined) return this.get(name);
    if (configured !== undefined) {
      const handler = forPlatform(configured, recorded.platform ?? '');
      if (isSameRuntime(handler, recorded)) return handler;
    }
    return this.#byRecord(name, recorded, configured);
  }

  list(): readonly RuntimeHandler[] {
    return [...this.#byName.values()];
  }

  #byRecord(name: string, recorded: RecordedRuntime, like: RuntimeHandler | undefined): RuntimeHandler {
    const runtime = new CliRuntime(recorded, this.#runner);
    return { ...(like ?? noLongerConfigured), name, runtime, features: recorded.features, recorded };
  }
}

/**
 * Whether the handler finds the containers of the record: they are where the root is. Of another program only while the recorded
 * one is there no more, as after an upgrade that moved it: runc does not read what crun has written.
 */
function isSameRuntime({ runtime, recorded: own }: RuntimeHandler, recorded: RecordedRuntime): boolean {
  return (
    own.platform === recorded.platform &&
    areSame(runtime.globalArgs, recorded.globalArgs) &&
    (runtime.path === recorded.path || !existsSync(recorded.path))
  );
}

function areSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((text, i) => text === right[i]);
}

/** Nothing new is made with such a handler. */
const noLongerConfigured: Omit<RuntimeHandler, 'name' | 'runtime' | 'features' | 'recorded'> = {
  platformRuntimes: {},
  minMemoryBytes: 0,
  createTimeoutMs: 0,
  monitorCgroup: '',
  privilegedWithoutHostDevices: false,
  execCpuAffinity: '',
  execMonitorInContainer: false,
  allowedAnnotations: [],
  defaultAnnotations: {},
  seccompProfile: undefined,
};
