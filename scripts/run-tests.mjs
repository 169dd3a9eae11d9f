// Runs one kind of tests from dist: unit (beside the code and test/*.test.ts), integration or e2e, one file at a time
// for the last two. Node 20 and 24 disagree about folders and globs on the command line, so the files are listed here.
// With CRIA_TEST_RESULTS=FILE each test's outcome is also appended there, one JSON object per line.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [kind = 'unit', ...patterns] = process.argv.slice(2);

function testFiles(folder, recursive = true) {
  const path = `${root}dist/${folder}`;
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => `${path}/${name}`);
}

const files = (
  kind === 'unit'
    ? [
        ...testFiles('internal'),
        ...testFiles('cmd'),
        ...testFiles('test', false),
        ...testFiles('test/harness'),
      ]
    : testFiles(`test/${kind}`)
).filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)));
if (files.length === 0) {
  console.error(`no ${kind} test file matches ${patterns.join(' ')}`);
  process.exit(1);
}

const minutes = kind === 'unit' ? 2 : 10;
const args = ['--enable-source-maps', '--test', `--test-timeout=${minutes * 60_000}`];
args.push('--test-reporter=spec', '--test-reporter-destination=stdout');
if (kind !== 'unit') args.push('--test-concurrency=1');
if (process.env.CRIA_TEST_RESULTS) {
  args.push(`--test-reporter=${root}scripts/outcome-reporter.mjs`, '--test-reporter-destination=stderr');
}
const result = spawnSync(process.execPath, [...args, ...files], { stdio: 'inherit' });
process.exit(result.status ?? 1);
