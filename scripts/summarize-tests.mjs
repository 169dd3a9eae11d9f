// Prints the outcome of all tests of a run from the file that outcome-reporter.mjs wrote; fails when a test failed,
// when none ran, or, with CI=true, when one was skipped that neither contrib/known-skips.txt nor, for the conformance
// suite, test/conformance/skips.txt lists.
//   node scripts/summarize-tests.mjs RESULTS [FAILED-STEP...]
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [resultsFile, ...failedSteps] = process.argv.slice(2);

function linesOf(file) {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
}

/** Each line is `NAME | why`; the name is the whole name of a test. */
function readKnownSkips() {
  const files = ['../contrib/known-skips.txt', '../test/conformance/skips.txt'];
  const paths = files.map((file) => fileURLToPath(new URL(file, import.meta.url)));
  const lines = paths.flatMap(linesOf).filter((line) => !line.startsWith('#'));
  return new Set(lines.map((line) => line.split(' | ')[0].trim()));
}

const results = linesOf(resultsFile).map((line) => JSON.parse(line));
const of = (outcome) => results.filter((result) => result.outcome === outcome);
const [passed, failed, skipped] = [of('passed'), of('failed'), of('skipped')];
const known = readKnownSkips();
const unlisted = process.env.CI === 'true' ? skipped.filter(({ name }) => !known.has(name)) : [];

for (const { name, reason } of skipped) console.log(`skipped: ${name} (${reason})`);
for (const { name } of unlisted) console.log(`not on the list of known skips: ${name}`);
for (const { file, name, reason } of failed) console.log(`failed: ${file}: ${name}: ${reason}`);
for (const step of failedSteps) console.log(`failed step: ${step}`);
console.log(`${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped`);

const bad = failed.length + unlisted.length + failedSteps.length;
process.exit(bad > 0 || passed.length === 0 ? 1 : 0);
