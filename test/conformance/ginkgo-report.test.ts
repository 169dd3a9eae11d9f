import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGinkgoReport } from './ginkgo-report.ts';

function report(specs: readonly object[], rest: object = {}): string {
  return JSON.stringify([{ SuiteSucceeded: true, SpecReports: specs, ...rest }]);
}

function spec(text: string, state: string, message = ''): object {
  const Failure = message === '' ? {} : { Failure: { Message: message, Location: {} } };
  return {
    ContainerHierarchyTexts: ['Pod'],
    LeafNodeType: 'It',
    LeafNodeText: text,
    State: state,
    ...Failure,
  };
}

test('readGinkgoReport names specs by their place and leaves out what was not chosen', () => {
  const specs = [
    spec('starts', 'passed'),
    spec('is measured', 'skipped'),
    spec('has AppArmor', 'skipped', 'AppArmor is off'),
  ];
  assert.deepEqual(readGinkgoReport(report(specs)), [
    { name: 'Pod starts', outcome: 'passed', reason: '' },
    { name: 'Pod has AppArmor', outcome: 'skipped', reason: 'AppArmor is off' },
  ]);
});

test('readGinkgoReport takes whatever is neither passed nor skipped for failed', () => {
  const failures = ['failed', 'panicked', 'timedout', 'interrupted', 'aborted', 'pending'];
  const text = report(
    failures.map((state) => spec(state, state, 'it broke')),
    { SuiteSucceeded: false },
  );
  const outcomes = readGinkgoReport(text).map(({ outcome }) => outcome);
  assert.deepEqual(
    outcomes,
    failures.map(() => 'failed'),
  );
});

test('readGinkgoReport tells where a spec failed', () => {
  const Failure = { Message: 'no pod', Location: { FileName: 'pod.go', LineNumber: 7 } };
  const failed = { LeafNodeType: 'It', LeafNodeText: 'runs', State: 'failed', Failure };
  assert.equal(readGinkgoReport(report([failed], { SuiteSucceeded: false }))[0]?.reason, 'no pod (pod.go:7)');
});

test('readGinkgoReport counts what runs around the specs only when it fails', () => {
  const node = (type: string, state: string) => ({ LeafNodeType: type, LeafNodeText: '', State: state });
  const text = report([node('BeforeSuite', 'passed'), node('AfterSuite', 'failed')], {
    SuiteSucceeded: false,
  });
  assert.deepEqual(readGinkgoReport(text), [{ name: 'AfterSuite', outcome: 'failed', reason: 'failed' }]);
});

test('readGinkgoReport makes a failure of a suite that failed without a failed spec', () => {
  const rest = { SuiteSucceeded: false, SpecialSuiteFailureReasons: ['Suite Timeout Elapsed'] };
  assert.deepEqual(readGinkgoReport(report([spec('starts', 'passed')], rest)).at(-1), {
    name: 'the suite',
    outcome: 'failed',
    reason: 'Suite Timeout Elapsed',
  });
});
