// Runtime handlers made ready to use: programs found, inherited values copied, defaults that depend on others filled in.

import type { Problem } from './config-error.ts';
import { findProgram, isReadable, whyNotExecutable } from './executable.ts';
import type { OptionTable } from './option.ts';
import { type Config, type RuntimeHandler, sections } from './options.ts';

export interface ResolvedHandlers {
  readonly handlers: Readonly<Record<string, RuntimeHandler>>;
  /** Of the default handler. */
  readonly problems: readonly Problem[];
  /** Of the others, which are left out for it. */
  readonly warnings: readonly Problem[];
}

/** The handlers that can work, each with an absolute `runtime_path`, a `runtime_root` and a `monitor_cgroup`. */
export async function resolveHandlers(
  config: Config,
  sources: ReadonlyMap<string, string>,
  searchPath: string,
): Promise<ResolvedHandlers> {
  // Without a prototype: a pod may ask for any name, and `constructor` is no handler.
  const handlers: Record<string, RuntimeHandler> = Object.create(null);
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  for (const name of Object.keys(config.runtime.runtimes)) {
    const key = `crio.runtime.runtimes.${name}`;
    const source = sources.get(key) ?? 'default';
    const { handler, findings } = await resolveHandler(name, config, searchPath);
    const found = findings.map(([option, reason]) => ({ source, key: `${key}.${option}`, reason }));
    if (handler !== undefined) {
      handlers[name] = handler;
      warnings.push(...found);
    } else if (name === config.runtime.default_runtime) problems.push(...found);
    else warnings.push(...found.map((problem) => leftOut(problem, name)));
  }
  return { handlers, problems, warnings };
}

function leftOut(problem: Problem, name: string): Problem {
  return { ...problem, reason: `${problem.reason}; handler "${name}" is left out` };
}

/** An option of the handler and what is to be said about it. */
type Finding = readonly [keyof RuntimeHandler, string];

interface Resolved {
  /** Undefined when the handler cannot work; the findings say why. */
  readonly handler: RuntimeHandler | undefined;
  readonly findings: readonly Finding[];
}

async function resolveHandler(name: string, config: Config, searchPath: string): Promise<Resolved> {
  const handler = completed(name, config);
  const program = name === runtimeOwner(name, config) ? name : config.runtime.default_runtime;
  const path = handler.runtime_path || (await findProgram(program, searchPath));
  const problems = [...formFindings(handler), ...monitorFindings(handler, config)];
  problems.push(...vmFindings(handler), ...(await fileFindings(handler)));
  const whyNot =
    path === undefined ? `there is no program "${program}" in PATH` : await whyNotExecutable(path);
  if (whyNot !== undefined) problems.push(['runtime_path', whyNot]);
  if (path === undefined || problems.length > 0) return { handler: undefined, findings: problems };
  const findings = findingsOfUse(handler, config);
  return { handler: { ...handler, runtime_path: path, runtime_type: 'oci' }, findings };
}

/** What is not as the words say, in a handler that works. */
function findingsOfUse(
  { runtime_type, monitor_exec_cgroup }: RuntimeHandler,
  { runtime }: Config,
): Finding[] {
  const findings: Finding[] = [];
  // CRI-O's "pod" type is the same OCI runtime under another monitor, conmon-rs.
  if (runtime_type === 'pod')
    findings.push(['runtime_type', '"pod" is treated as "oci": cria has its own monitor']);
  if (monitor_exec_cgroup !== '' && runtime.infra_ctr_cpuset === '')
    findings.push([
      'monitor_exec_cgroup',
      `"${monitor_exec_cgroup}" has no effect without infra_ctr_cpuset, as in CRI-O`,
    ]);
  return findings;
}

/** The name of the handler whose program `name` uses. */
function runtimeOwner(name: string, { runtime }: Config): string {
  return runtime.runtimes[name]?.inherit_default_runtime ? runtime.default_runtime : name;
}

function completed(name: string, config: Config): RuntimeHandler {
  const { runtimes, cgroup_manager } = config.runtime;
  const own = handlerOf(runtimes, name);
  const owner = runtimeOwner(name, config);
  const { runtime_path, runtime_type, runtime_args, runtime_config_path, runtime_root } =
    runtimes[owner] ?? own;
  return {
    ...own,
    runtime_path,
    runtime_type,
    runtime_args,
    runtime_config_path,
    runtime_root: runtime_root || `/run/${owner}`,
    monitor_cgroup: own.monitor_cgroup || (cgroup_manager === 'systemd' ? 'system.slice' : ''),
  };
}

function handlerOf(runtimes: Config['runtime']['runtimes'], name: string): RuntimeHandler {
  const handler = runtimes[name];
  if (handler === undefined) throw new Error(`handler ${name} is in no configuration`);
  return handler;
}

function formFindings(handler: RuntimeHandler): Finding[] {
  const options: OptionTable = sections.runtime.options.runtimes.options;
  return Object.entries(handler).flatMap(([key, value]): Finding[] => {
    const option = options[key];
    const reason = option?.kind === 'value' ? option.type.problemOf(value) : undefined;
    return reason === undefined ? [] : [[key as keyof RuntimeHandler, reason]];
  });
}

/** What only a hypervisor's shim could do: to go on without it would not be what the administrator counts on. */
function vmFindings(handler: RuntimeHandler): Finding[] {
  const { runtime_type, runtime_config_path, runtime_pull_image } = handler;
  if (runtime_type === 'vm') return [['runtime_type', '"vm" is not supported yet, only "oci" is']];
  const findings: Finding[] = [];
  if (runtime_config_path !== '') {
    const reason = 'it is for the runtime type "vm"; an OCI runtime gets its options by runtime_args';
    findings.push(['runtime_config_path', reason]);
  }
  if (runtime_pull_image)
    findings.push(['runtime_pull_image', 'it needs the runtime type "vm", which is not supported']);
  return findings;
}

async function fileFindings({ platform_runtime_paths, seccomp_profile }: RuntimeHandler): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [platform, path] of Object.entries(platform_runtime_paths)) {
    const whyNot = /^[a-z0-9]+\/[a-z0-9]+$/.test(platform)
      ? await whyNotExecutable(path)
      : `"${platform}" is not of the form OS/ARCHITECTURE`;
    if (whyNot !== undefined) findings.push(['platform_runtime_paths', whyNot]);
  }
  if (seccomp_profile !== '' && !(await isReadable(seccomp_profile)))
    findings.push(['seccomp_profile', `${seccomp_profile} cannot be read`]);
  return findings;
}

function monitorFindings({ monitor_cgroup: cgroup }: RuntimeHandler, { runtime }: Config): Finding[] {
  if (cgroup === 'pod' || cgroup === '') return [];
  if (runtime.cgroup_manager === 'cgroupfs')
    return [
      ['monitor_cgroup', `"${cgroup}" needs the cgroup manager systemd; with cgroupfs it is "pod" or empty`],
    ];
  return cgroup.endsWith('.slice')
    ? []
    : [['monitor_cgroup', `"${cgroup}" is neither "pod" nor the name of a slice`]];
}
