import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SpecResult } from './ginkgo-report.ts';
import { compareSkips, parseSkipList } from './skip-list.ts';

function result(name: string, outcome: SpecResult['outcome']): SpecResult {
  return { name, outcome, reason: '' };
}

test('parseSkipList takes names and wants a reason for each', () => {
  assert.deepEqual(parseSkipList('# specs\na b | it cannot\n\nc | the same\n'), ['a b', 'c']);
  assert.throws(() => parseSkipList('a b\n'), /does not say why: a b/);
});

test('compareSkips tells unlisted skips and listed specs that ran, whatever came of them', () => {
  const results = [
    result('a', 'skipped'),
    result('b', 'skipped'),
    result('c', 'passed'),
    result('d', 'failed'),
    result('e', 'passed'),
  ];
  assert.deepEqual(compareSkips(results, ['a', 'c', 'd', 'not chosen']), {
    unlisted: [result('b', 'skipped')],
    ran: ['c', 'd'],
  });
});
