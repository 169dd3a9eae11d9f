// `npm run test:conformance`: runs critest against the built daemon. contrib/conformance.sh has made its programs and a
// network namespace. Fails when a spec fails, or is skipped that skips.txt does not list.

import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../harness/command.ts';
import { missing } from '../harness/requirements.ts';
import { runCritest } from './critest.ts';
import type { SpecResult } from './ginkgo-report.ts';
import { type ConformanceOptions, parseOptions, usage } from './options.ts';
import { compareSkips, parseSkipList } from './skip-list.ts';
import { makeSuiteWorld } from './suite-world.ts';

const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));
const skipsFile = join(projectRoot, 'test/conformance/skips.txt');

function nameOf({ runtime, processes, isWebSocket }: ConformanceOptions): string {
  const manner = [...(processes > 1 ? [`${processes} at once`] : []), ...(isWebSocket ? ['WebSocket'] : [])];
  return ['critest', runtime, ...manner].join(', ');
}

function logFolder(): string {
  const folder = process.env['CRIA_TEST_LOGS'] ?? join(projectRoot, 'dist/test-logs');
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** For the count over all kinds of tests. */
function record(file: string, results: readonly SpecResult[]): void {
  const target = process.env['CRIA_TEST_RESULTS'];
  if (target === undefined) return;
  for (const { name, outcome, reason } of results) {
    const line = JSON.stringify({ outcome, file, name, reason: reason.split('\n')[0] });
    appendFileSync(target, `${line}\n`);
  }
}

/** Tells all that is not as it should be; true when it is. */
function judge(results: readonly SpecResult[]): boolean {
  const of = (outcome: string) => results.filter((result) => result.outcome === outcome);
  const { unlisted, ran } = compareSkips(results, parseSkipList(readFileSync(skipsFile, 'utf8')));
  for (const { name, reason } of of('failed'))
    console.log(`failed: ${name}\n    ${reason.replaceAll('\n', '\n    ')}`);
  for (const { name, reason } of unlisted) console.log(`skipped and not on the list: ${name} (${reason})`);
  for (const name of ran) console.log(`on the list of skips, but it ran: ${name}`);
  console.log(
    `${of('passed').length} passed, ${of('failed').length} failed, ${of('skipped').length} skipped`,
  );
  return of('passed').length > 0 && of('failed').length + unlisted.length === 0;
}

async function run(options: ConformanceOptions, signal: AbortSignal): Promise<boolean> {
  const critest = findProgram('critest') ?? '';
  const name = nameOf(options);
  const logs = logFolder();
  const logFile = join(logs, `${name.replaceAll(', ', '-').replaceAll(' ', '-')}.log`);
  const world = await makeSuiteWorld(options.runtime, critest);
  try {
    console.log(`${name}: seed ${options.seed}; its words go to ${logFile}`);
    const { daemon, program, directory } = world;
    const suite = { program, directory, socket: daemon.paths.socket, handler: '', logFile, ...options };
    const results = await runCritest(suite, signal);
    record(name, results);
    return judge(results);
  } finally {
    const { logFile: daemonLog } = world.daemon;
    if (existsSync(daemonLog)) copyFileSync(daemonLog, logFile.replace(/\.log$/, '-daemon.log'));
    await world.destroy();
  }
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const tools = [
    'critest',
    'ginkgo',
    'busybox-conformance',
    'docker-registry',
    'zstd',
    'nginx',
    'ipcmk',
    'cc',
  ];
  const reason = missing(options.runtime, ...tools);
  if (reason !== false) throw new Error(reason);
  const ended = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.on(name, () => ended.abort(new Error(`ended by ${name}`)));
  process.exitCode = (await run(options, ended.signal)) ? 0 : 1;
}

main().catch((error: Error) => {
  console.error(`${error.message}${error.message.includes('--') ? `\n${usage}` : ''}`);
  process.exitCode = 1;
});
