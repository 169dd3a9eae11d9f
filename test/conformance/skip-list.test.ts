import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SpecResult } from './ginkgo-report.ts';
import { compareSkips, parseSkipList } from './skip-list.ts';

function result(name: string, outcome: SpecResult['outcome']): SpecResult {
  return { name, outcome, reason: '' };
}

test('parseSkipList takes names and wants a reason for each', () => {
  assert.deepEqual(parseSkipList('# specs\na b | it cannot\n\nc | the same\n', 'runc'), ['a b', 'c']);
  assert.throws(() => parseSkipList('a b\n', 'runc'), /does not say why: a b/);
});

test('parseSkipList leaves out what holds for another runtime', () => {
  const text = 'a | under crun: its release is old\nb | no AppArmor';
  assert.deepEqual(parseSkipList(text, 'crun'), ['a', 'b']);
  assert.deepEqual(parseSkipList(text, 'runc'), ['b']);
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
