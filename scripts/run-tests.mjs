// Runs one kind of tests from dist: unit (beside the code and test/*.test.ts), integration or e2e, one file at a time
// for the last two. Node 20 and 24 disagree about folders and globs on the command line, so the files are listed here.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const dist = `${fileURLToPath(new URL('..', import.meta.url))}dist`;
const [kind = 'unit', ...patterns] = process.argv.slice(2);

function testFiles(folder, recursive = true) {
  return readdirSync(`${dist}/${folder}`, { recursive, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => `${dist}/${folder}/${name}`);
}

const files = (
  kind === 'unit'
    ? [...testFiles('internal'), ...testFiles('cmd'), ...testFiles('test', false)]
    : testFiles(`test/${kind}`)
).filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)));
if (files.length === 0) {
  console.error(`no ${kind} test file matches ${patterns.join(' ')}`);
  process.exit(1);
}
const serial = kind === 'unit' ? [] : ['--test-concurrency=1'];
const result = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...serial, ...files], {
  stdio: 'inherit',
});
process.exit(result.status ?? 1);
