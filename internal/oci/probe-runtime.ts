// What an OCI runtime can do, asked of the program itself.

import { describeError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { ProcessError } from '../process/process-error.ts';
import type { RuntimeFeatures } from './oci-runtime.ts';

const probeTimeoutMs = 10_000;
type DocumentedFeatures = Pick<
  RuntimeFeatures,
  'recursiveReadOnlyMounts' | 'idmapMounts' | 'netDevices' | 'userNamespaces'
>;
/** User namespaces are in the OCI specification since 1.0: who does not tell has them. */
const noFeatures: DocumentedFeatures = {
  recursiveReadOnlyMounts: false,
  idmapMounts: false,
  netDevices: false,
  userNamespaces: true,
};

/** Asks the program at `path` for its features; one that does not know a question has none of those. */
export async function probeRuntime(
  path: string,
  runner: CommandRunner,
  logger: Logger,
): Promise<RuntimeFeatures> {
  const [features, exec, isGvisor] = await Promise.all([
    probeFeatures(path, runner, logger),
    probeExec(path, runner, logger),
    probeGvisor(path, runner, logger),
  ]);
  // gVisor is a process of many threads by the time when it would enter a user namespace, which the kernel refuses then.
  const userNamespaces = features.userNamespaces && !isGvisor;
  return { ...features, userNamespaces, ...exec, kernelPerPod: isGvisor, canUpdate: !isGvisor };
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
  readonly linux?: {
    readonly namespaces?: readonly string[];
    readonly mountExtensions?: { readonly idmap?: { readonly enabled?: boolean } };
    readonly netDevices?: { readonly enabled?: boolean };
  };
}

/** Reads the document of the OCI features specification. */
export function parseFeatures(document: unknown): DocumentedFeatures {
  if (typeof document !== 'object' || document === null) return noFeatures;
  const { mountOptions, linux } = document as FeaturesDocument;
  return {
    recursiveReadOnlyMounts: Array.isArray(mountOptions) && mountOptions.includes('rro'),
    idmapMounts: linux?.mountExtensions?.idmap?.enabled === true,
    netDevices: linux?.netDevices?.enabled === true,
    userNamespaces: linux?.namespaces?.includes('user') ?? true,
  };
}

type ExecFeatures = Pick<RuntimeFeatures, 'execCgroup' | 'guestPids'>;

/** The features document does not say it, but the help does. */
async function probeExec(path: string, runner: CommandRunner, logger: Logger): Promise<ExecFeatures> {
  try {
    return parseExecHelp(await helpText([path, 'exec', '--help'], runner));
  } catch (cause) {
    logger.debug({ path, error: describeError(cause) }, 'OCI runtime does not explain exec');
    return parseExecHelp('');
  }
}

/** Also of a program to which its own help is a mistake of usage, as to runsc. */
async function helpText(argv: readonly string[], runner: CommandRunner): Promise<string> {
  const signal = new AbortController().signal;
  const { stdout, stderr } = await runner
    .run(argv, { timeoutMs: probeTimeoutMs }, signal)
    .catch((cause: unknown) => {
      if (cause instanceof ProcessError) return cause.failure;
      throw cause;
    });
  return `${stdout}\n${stderr}`;
}

/** For the cgroup, runc's own words name the form with a controller; crun has only the plain one. */
export function parseExecHelp(help: string): ExecFeatures {
  const lines = help.split('\n');
  const cgroup = lines.find((text) => /^\s*--cgroup\b/.test(text));
  const guestPids = lines.some((text) => /^\s*--?internal-pid-file\b/.test(text));
  if (cgroup === undefined) return { execCgroup: undefined, guestPids };
  return { execCgroup: cgroup.includes('[<controller>:]<cgroup>') ? 'any' : 'unified', guestPids };
}

/** gVisor's runsc has runc's command line, but a kernel for each pod and no `update`; its version says so. */
async function probeGvisor(path: string, runner: CommandRunner, logger: Logger): Promise<boolean> {
  try {
    const signal = new AbortController().signal;
    const { stdout } = await runner.run([path, '--version'], { timeoutMs: probeTimeoutMs }, signal);
    return /^runsc version /m.test(stdout);
  } catch (cause) {
    const error = describeError(cause);
    logger.warn({ path, error }, 'OCI runtime does not tell its version; pods of its handlers may fail');
    return false;
  }
}
