import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runtimeMessage } from './runtime-message.ts';

const cases: readonly (readonly [string, string, string])[] = [
  [
    'runc',
    'time="2026-01-02T03:04:05Z" level=error msg="runc create failed: \\"x\\" is bad"\n',
    'runc create failed: "x" is bad',
  ],
  [
    'crun with a time',
    '2026-01-02T03:04:05.123456Z: executable file `x` not found\n',
    'executable file `x` not found',
  ],
  [
    'runc with warnings after the error',
    'time="t" level=error msg="it broke"\ntime="t" level=warning msg="cannot toggle freezer"\n',
    'it broke',
  ],
  ['a warning alone', 'time="t" level=warning msg="odd"\n', 'odd'],
  [
    'runsc',
    '{"msg":"no \\"x\\"","level":"error","time":"2026-01-02T03:04:05.1Z"}\n{"msg":"odd","level":"warning"}\n',
    'no "x"',
  ],
  [
    'two processes of runsc on one line',
    '{"msg":"no {x}","level":"error","time":"t"}{"msg":"so it ends","level":"error","time":"t"}\n',
    'no {x}; so it ends',
  ],
  ['words that only begin as JSON', '{"msg": it broke\n', '{"msg": it broke'],
  ['JSON that is no log', '{"code":1}\n', '{"code":1}'],
  ['plain text', 'it broke.\n', 'it broke'],
  ['a line said twice', 'a\na\nb\n', 'a; b'],
  ['nothing', '', ''],
];
for (const [name, text, expected] of cases) {
  test(`runtimeMessage of ${name}`, () => {
    assert.equal(runtimeMessage(text), expected);
  });
}
