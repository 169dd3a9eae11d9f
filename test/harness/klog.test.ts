import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorsIn, parseKnownErrors } from './klog.ts';

test('errorsIn takes errors and fatal lines, each once, without their time', () => {
  const log = [
    'I1121 09:00:00.000001   42 kubelet.go:1] "Starting"',
    'E1121 09:00:01.000001   42 pod.go:7] "No pod" err="gone"',
    'W1121 09:00:01.500000   42 pod.go:8] "Slow"',
    'E1121 09:00:02.000001   42 pod.go:7] "No pod" err="gone"',
    'F1121 09:00:03.000001   42 main.go:9] it ends',
    'Error: no line of the log',
  ];
  assert.deepEqual(errorsIn(log.join('\n')), ['pod.go:7] "No pod" err="gone"', 'main.go:9] it ends']);
});

test('parseKnownErrors wants a reason for each expression', () => {
  const [pattern] = parseKnownErrors('# errors\nno (a|b) here | the machine has none\n');
  assert.match('there is no b here', pattern ?? /never/);
  assert.throws(() => parseKnownErrors('no a\n'), /does not say why: no a/);
});
