import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signalNumber, stopSignalName } from './stop-signal.ts';

test('stopSignalName takes names with and without SIG, numbers and real-time signals', () => {
  const given = ['', 'SIGQUIT', 'term', '9', 'SIGRTMIN+3', '37', 'RTMAX-1'];
  const named = ['SIGTERM', 'SIGQUIT', 'SIGTERM', 'SIGKILL', 'SIGRTMIN+3', 'SIGRTMIN+3', 'SIGRTMAX-1'];
  assert.deepEqual(given.map(stopSignalName), named);
  assert.deepEqual(named.map(signalNumber), [15, 3, 15, 9, 37, 37, 63]);
});

test('stopSignalName refuses what is no signal', () => {
  for (const text of ['0', '65', '99', 'SIGFOO', 'SIGRTMIN+31', 'SIGRTMAX+1', '-9', 'constructor', '9 9']) {
    assert.throws(() => stopSignalName(text), /is not a signal of this system/, text);
  }
});
