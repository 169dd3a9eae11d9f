// Runs one kind of tests from dist, one file at a time for all but the first:
//   unit         beside the code, test/*.test.ts, and those of the tests' own parts
//   integration  test/integration
//   e2e          test/e2e
//   monitor      all that is about the monitor, of the first two kinds
// Node 20 and 24 disagree about folders and globs on the command line, so the files are listed here.
// With CRIA_TEST_RESULTS=FILE each test's outcome is also appended there, one JSON object per line.
// With CRIA_MONITOR_VARIANT=asan the monitor's tests use that build of it, see build-native.mjs.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [kind = 'unit', ...patterns] = process.argv.slice(2);
const variant = process.env.CRIA_MONITOR_VARIANT ?? 'product';
const reports = `${root}dist/bin-asan/reports`;

function testFiles(folder, recursive = true) {
  const path = `${root}dist/${folder}`;
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => `${path}/${name}`);
}

const kinds = {
  unit: () => [
    ...testFiles('internal'),
    ...testFiles('cmd'),
    ...testFiles('test', false),
    ...testFiles('test/harness'),
    ...testFiles('test/conformance'),
  ],
  integration: () => testFiles('test/integration'),
  e2e: () => testFiles('test/e2e'),
  monitor: () => [
    ...testFiles('internal/monitor'),
    ...testFiles('test/integration').filter((file) => file.includes('/monitor-')),
  ],
};

function run(argv) {
  return spawnSync(process.execPath, argv, { stdio: 'inherit' }).status ?? 1;
}

/** What a sanitizer said after the last test that it could have failed. */
function lateReports() {
  if (variant !== 'asan') return [];
  return readdirSync(reports).map((name) => `${reports}/${name}`);
}

const files = (kinds[kind]?.() ?? []).filter(
  (file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)),
);
if (files.length === 0) {
  console.error(`no ${kind} test file matches ${patterns.join(' ')}`);
  process.exit(1);
}
if (kind === 'integration' || kind === 'monitor') {
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  if (run([`${root}scripts/build-native.mjs`, 'fault', variant]) !== 0) process.exit(1);
}

// The tests' files stand for those of a node, which others than root can read, whatever the shell here is like.
process.umask(0o022);

const minutes = kind === 'unit' ? 2 : 10;
const args = ['--enable-source-maps', '--test', `--test-timeout=${minutes * 60_000}`];
args.push('--test-reporter=spec', '--test-reporter-destination=stdout');
if (kind !== 'unit') args.push('--test-concurrency=1');
if (process.env.CRIA_TEST_RESULTS) {
  args.push(`--test-reporter=${root}scripts/outcome-reporter.mjs`, '--test-reporter-destination=stderr');
}
const status = run([...args, ...files]);
const late = lateReports();
for (const report of late) console.error(`a sanitizer has reported: ${report}`);
process.exit(late.length > 0 ? 1 : status);
