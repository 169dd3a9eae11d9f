// One command line from beginning to exit code.

import { ConfigError, formatProblem } from '../../../internal/config/config-error.ts';
import { type LoadedConfig, loadConfig } from '../../../internal/config/load-config.ts';
import { printConfig } from '../../../internal/config/print-config.ts';
import { checkValues, validateConfig } from '../../../internal/config/validate-config.ts';
import { DaemonError, describeError } from '../../../internal/errors/daemon-error.ts';
import type { Follower } from '../reload.ts';
import { requireRoot } from '../require-root.ts';
import { versionInfo } from '../version.ts';
import { checkCommand } from './check-verb.ts';
import { configInputs, type Environment } from './config-inputs.ts';
import { ignoredFlags } from './flags.ts';
import { groupHelp, helpOf } from './help.ts';
import { imageCommand } from './image-arguments.ts';
import { type CommandLine, parseArguments } from './parse-arguments.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';
import { workloadCommand } from './workload-arguments.ts';
import { workloadVerbs } from './workload-verbs.ts';

/** Does what the command line says; resolves with the exit code and never rejects. */
export async function runCommandLine(
  argv: readonly string[],
  environment: Environment,
  terminal: Terminal,
): Promise<number> {
  let verbName = '';
  try {
    const line = parseArguments(argv);
    verbName = line.verb.name;
    return await dispatch(line, environment, terminal);
  } catch (error) {
    if (error instanceof UsageError) {
      const help = ['cria', error.verbName ?? verbName, '--help'].filter((word) => word !== '').join(' ');
      terminal.err(`cria: ${error.message}\nSee "${help}".\n`);
      return 2;
    }
    if (error instanceof ConfigError)
      terminal.err(`cria: the configuration cannot be used:\n${error.message}\n`);
    else terminal.err(`cria: ${fatalText(error)}\n`);
    return 1;
  }
}

/** What a person needs to know of a failure; of one that nobody foresaw, where it happened too. */
function fatalText(error: unknown): string {
  const isForeseen = error instanceof DaemonError || !(error instanceof Error);
  return isForeseen ? describeError(error) : (error.stack ?? describeError(error));
}

async function dispatch(line: CommandLine, environment: Environment, terminal: Terminal): Promise<number> {
  const { verb, positionals, flags, helpGroup } = line;
  if (flags.some(({ name }) => name === 'help')) {
    terminal.out(helpGroup === undefined ? helpOf(verb) : groupHelp(helpGroup));
    return 0;
  }
  const [least, most] = verb.count;
  if (positionals.length < least) throw new UsageError(`"cria ${verb.name}" needs ${verb.operands}`);
  const surplus = positionals[most];
  if (surplus !== undefined) throw new UsageError(`"${surplus}" is too much`);
  if (verb.name === 'version' || flags.some(({ name }) => name === 'version'))
    return showVersion(line, terminal);
  const loaded = await loadConfig(configInputs(flags, environment));
  if (verb.name === '') return runDaemonVerb(loaded, line, environment);
  const problems = checkValues(loaded);
  if (problems.length > 0) throw new ConfigError(problems);
  if (verb.name === 'config') return showConfig(loaded, line, terminal);
  if (verb.name === 'check') {
    const { runCheckCommand } = await import('../check-command.ts');
    return runCheckCommand(loaded, checkCommand(line), terminal);
  }
  if (workloadVerbs.includes(verb)) {
    const { runWorkloadCommand } = await import('../workloads/run-command.ts');
    return runWorkloadCommand(loaded, workloadCommand(line, new Date()), terminal);
  }
  const { runImageCommand } = await import('../image-command.ts');
  return runImageCommand(loaded, imageCommand(line), terminal);
}

function showVersion({ flags }: CommandLine, terminal: Terminal): number {
  const info = versionInfo();
  const asJson = flags.some(({ name }) => name === 'json');
  terminal.out(asJson ? `${JSON.stringify(info, undefined, 2)}\n` : `cria ${info.version}\n`);
  return 0;
}

function showConfig(loaded: LoadedConfig, { flags }: CommandLine, terminal: Terminal): number {
  const isDefault = flags.some(({ name }) => name === 'default');
  if (!isDefault) for (const warning of loaded.warnings) terminal.err(`cria: ${formatProblem(warning)}\n`);
  terminal.out(printConfig(isDefault ? loaded.defaults : loaded.config, loaded.defaults));
  return 0;
}

async function runDaemonVerb(
  loaded: LoadedConfig,
  { flags }: CommandLine,
  environment: Environment,
): Promise<number> {
  const searchPath = environment['PATH'] ?? '';
  const ready = await validateConfig(loaded, searchPath);
  requireRoot(process.geteuid?.());
  // Loaded only here: the other commands start without the daemon's modules.
  const { createLogger } = await import('../logger.ts');
  const { warnOfOtherMounts } = await import('../kubelet-mounts.ts');
  const { reloadOnHangup } = await import('../reload.ts');
  const { runDaemon } = await import('../daemon.ts');
  const logger = createLogger(ready.config.runtime.log_level, ready.config.cria.log_format);
  for (const { source, key, reason } of ready.warnings) logger.warn({ file: source, key }, reason);
  for (const { name } of flags.filter((flag) => ignoredFlags.some((ignored) => ignored.name === flag.name)))
    logger.warn({ flag: `--${name}` }, 'ignored, there is no such part here');
  await warnOfOtherMounts(environment['KUBENSMNT'], logger);
  const followers: Follower[] = [];
  const stopReloads = reloadOnHangup(ready, { logger, searchPath, signals: process, followers });
  try {
    return await runDaemon(ready, logger, followers);
  } finally {
    stopReloads();
  }
}
