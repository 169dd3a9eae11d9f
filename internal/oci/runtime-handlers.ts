// The runtime handlers of the configuration, each probed once for what it can do.

import { DaemonError, describeError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { CliRuntime } from './cli-runtime.ts';
import type { RuntimeFeatures, RuntimeHandler, RuntimeHandlers } from './oci-runtime.ts';

export interface HandlerSettings {
  readonly name: string;
  readonly path: string;
  readonly root: string;
  readonly minMemoryBytes: number;
  readonly createTimeoutMs: number;
  readonly monitorCgroup: string;
  /** NAME=VALUE; the environment of the runtime, whose PATH is the usual one unless it is among them. */
  readonly monitorEnv: readonly string[];
  readonly privilegedWithoutHostDevices: boolean;
  readonly allowedAnnotations: readonly string[];
  readonly defaultAnnotations: Readonly<Record<string, string>>;
}

export interface HandlersSettings {
  readonly handlers: readonly HandlerSettings[];
  readonly defaultName: string;
  readonly systemdCgroup: boolean;
}

const probeTimeoutMs = 10_000;
type DocumentedFeatures = Omit<RuntimeFeatures, 'execCgroup'>;
const noFeatures: DocumentedFeatures = { recursiveReadOnlyMounts: false, idmapMounts: false };

/** Makes the drivers and asks every runtime for its features; one that does not know the question has none. */
export async function openRuntimeHandlers(
  settings: HandlersSettings,
  runner: CommandRunner,
  logger: Logger,
): Promise<RuntimeHandlers> {
  const handlers = await Promise.all(
    settings.handlers.map(async ({ path, root, monitorEnv, ...rest }): Promise<RuntimeHandler> => {
      const { systemdCgroup } = settings;
      const runtime = new CliRuntime({ path, root, systemdCgroup, env: monitorEnv }, runner);
      const [features, execCgroup] = await Promise.all([
        probeFeatures(path, runner, logger),
        probeExecCgroup(path, runner, logger),
      ]);
      return { ...rest, runtime, features: { ...features, execCgroup } };
    }),
  );
  return new ConfiguredHandlers(handlers, settings.defaultName);
}

class ConfiguredHandlers implements RuntimeHandlers {
  readonly defaultName: string;
  readonly #byName: ReadonlyMap<string, RuntimeHandler>;

  constructor(handlers: readonly RuntimeHandler[], defaultName: string) {
    this.#byName = new Map(handlers.map((handler) => [handler.name, handler]));
    this.defaultName = defaultName;
  }

  get(name: string): RuntimeHandler {
    const handler = this.#byName.get(name === '' ? this.defaultName : name);
    if (handler !== undefined) return handler;
    const known = [...this.#byName.keys()].sort().join(', ');
    throw new DaemonError('not-found', `runtime handler "${name}" is not configured (there are: ${known})`);
  }

  list(): readonly RuntimeHandler[] {
    return [...this.#byName.values()];
  }
}

async function probeFeatures(
  path: string,
  runner: CommandRunner,
  logger: Logger,
): Promise<DocumentedFeatures> {
  try {
    const signal = new AbortController().signal;
    const { stdout } = await runner.run([path, 'features'], { timeoutMs: probeTimeoutMs }, signal);
    return parseFeatures(JSON.parse(stdout));
  } catch (cause) {
    logger.debug({ path, error: describeError(cause) }, 'OCI runtime does not tell its features');
    return noFeatures;
  }
}

interface FeaturesDocument {
  readonly mountOptions?: readonly string[];
  readonly linux?: { readonly mountExtensions?: { readonly idmap?: { readonly enabled?: boolean } } };
}

/** Reads the document of the OCI features specification. */
export function parseFeatures(document: unknown): DocumentedFeatures {
  if (typeof document !== 'object' || document === null) return noFeatures;
  const { mountOptions, linux } = document as FeaturesDocument;
  return {
    recursiveReadOnlyMounts: Array.isArray(mountOptions) && mountOptions.includes('rro'),
    idmapMounts: linux?.mountExtensions?.idmap?.enabled === true,
  };
}

/** The features document does not say it, but the help does. */
async function probeExecCgroup(
  path: string,
  runner: CommandRunner,
  logger: Logger,
): Promise<RuntimeFeatures['execCgroup']> {
  try {
    const signal = new AbortController().signal;
    const { stdout } = await runner.run([path, 'exec', '--help'], { timeoutMs: probeTimeoutMs }, signal);
    return parseExecHelp(stdout);
  } catch (cause) {
    logger.debug({ path, error: describeError(cause) }, 'OCI runtime does not explain exec');
    return undefined;
  }
}

/** runc's own words name the form with a controller; crun has only the plain one. */
export function parseExecHelp(help: string): RuntimeFeatures['execCgroup'] {
  const line = help.split('\n').find((text) => /^\s*--cgroup\b/.test(text));
  if (line === undefined) return undefined;
  return line.includes('[<controller>:]<cgroup>') ? 'any' : 'unified';
}
