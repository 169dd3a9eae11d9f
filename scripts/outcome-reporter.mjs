// A node:test reporter that appends one JSON object per finished test to the file CRIA_TEST_RESULTS. Suites and, on
// Node 20, the entries that stand for whole passed files are left out: only real tests count.
import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';

function outcomeOf(type, data) {
  if (data.skip !== undefined && data.skip !== false) return 'skipped';
  if (data.todo !== undefined && data.todo !== false) return 'skipped';
  return type === 'test:pass' ? 'passed' : 'failed';
}

function isWholeFile(data) {
  return data.nesting === 0 && data.file !== undefined && data.name === data.file;
}

// biome-ignore lint/style/noDefaultExport: node takes a reporter from the default export
export default async function* outcomes(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const outcome = outcomeOf(type, data);
    if (data.details?.type === 'suite' || (isWholeFile(data) && outcome === 'passed')) continue;
    const reason = typeof data.skip === 'string' ? data.skip : (data.details?.error?.cause?.message ?? '');
    const file = relative(process.cwd(), data.file ?? data.name);
    const line = JSON.stringify({ outcome, file, name: data.name, reason: String(reason).split('\n')[0] });
    appendFileSync(process.env.CRIA_TEST_RESULTS, `${line}\n`);
    yield '';
  }
}
