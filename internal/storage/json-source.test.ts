import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFragile, partsOf, stringifyLike } from './json-source.ts';

test('the parts of JSON are told as they stand there', () => {
  const parts = partsOf('[ {"a": "x]\\"}", "b": [1, {"c": 2}]}, 12345678901234567890 , "s", null, []]');
  assert.deepEqual(
    parts.map(({ source }) => source),
    ['{"a": "x]\\"}", "b": [1, {"c": 2}]}', '12345678901234567890', '"s"', 'null', '[]'],
  );
  assert.deepEqual(partsOf('{"a\\n":1,"b":{"c":[]}}'), [
    { key: 'a\n', source: '1' },
    { key: 'b', source: '{"c":[]}' },
  ]);
});

test('what was not changed is written as it was, at any depth', () => {
  const source =
    '{"id":"a","big":12345678901234567890,"deep":{"f":1.0,"n":9007199254740993,"e":"\\u003c"},"l":[1e3,2]}';
  const value = JSON.parse(source);
  assert.equal(stringifyLike(value, source), source);
  assert.equal(
    stringifyLike(
      { ...value, deep: { ...value.deep, incomplete: true }, l: [1000, 3], gone: undefined },
      source,
    ),
    '{"id":"a","big":12345678901234567890,"deep":{"f":1.0,"n":9007199254740993,"e":"\\u003c","incomplete":true},"l":[1e3,3]}',
  );
  assert.equal(stringifyLike({ big: 'text' }, source), '{"big":"text"}');
  assert.equal(stringifyLike([1], '{"a":1}'), '[1]');
});

test('only JSON with fragile parts needs the care', () => {
  for (const text of [
    '[{"n":12345678901234567}]',
    '[1.5]',
    '{"a": 1e3}',
    '["\\u003c"]',
    '[-9007199254740993]',
  ])
    assert.ok(isFragile(text), text);
  for (const text of [
    '[{"id":"12345678901234567890","created":"2026-01-01T00:00:00.123456789Z","n":1700000000}]',
  ])
    assert.ok(!isFragile(text), text);
});
