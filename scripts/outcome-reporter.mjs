// A node:test reporter that appends one JSON object per finished test to the file CRIA_TEST_RESULTS. A suite counts
// only when it was skipped as a whole or failed by itself, in a hook: its tests speak for it otherwise.
import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';

const isSet = (mark) => mark !== undefined && mark !== false;

function outcomeOf(type, data) {
  if (isSet(data.skip) || isSet(data.todo)) return 'skipped';
  return type === 'test:pass' ? 'passed' : 'failed';
}

function counts(outcome, { details, name, file, nesting }) {
  if (details?.type === 'suite') {
    return outcome === 'skipped' || (outcome === 'failed' && details.error?.failureType !== 'subtestsFailed');
  }
  // Node 20 reports a whole file as a test of its own; only a crash of it says something new
  return nesting > 0 || name !== file || outcome === 'failed';
}

function reasonOf({ skip, details }) {
  const reason =
    typeof skip === 'string' ? skip : (details?.error?.cause?.message ?? details?.error?.message);
  return String(reason ?? '').split('\n')[0];
}

// biome-ignore lint/style/noDefaultExport: node takes a reporter from the default export
export default async function* outcomes(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const outcome = outcomeOf(type, data);
    if (!counts(outcome, data)) continue;
    const file = relative(process.cwd(), data.file ?? data.name);
    const line = JSON.stringify({ outcome, file, name: data.name, reason: reasonOf(data) });
    appendFileSync(process.env.CRIA_TEST_RESULTS, `${line}\n`);
    yield '';
  }
}
