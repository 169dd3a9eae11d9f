import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseChallenges } from './challenge.ts';

const read = (...headers: string[]): [string, Record<string, string>][] =>
  parseChallenges(headers).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

test('parseChallenges reads schemes and parameters', () => {
  assert.deepEqual(read('Bearer realm="https://a.io/token",service="a.io",scope="repository:x:pull,push"'), [
    ['bearer', { realm: 'https://a.io/token', service: 'a.io', scope: 'repository:x:pull,push' }],
  ]);
  assert.deepEqual(read('BASIC realm=plain'), [['basic', { realm: 'plain' }]]);
  assert.deepEqual(read('Basic Realm = "a \\"quoted\\" \\\\ text"'), [
    ['basic', { realm: 'a "quoted" \\ text' }],
  ]);
  assert.deepEqual(read('Basic'), [['basic', {}]]);
});

test('parseChallenges reads several headers, and several challenges in one', () => {
  assert.deepEqual(read('Negotiate', 'Basic realm="b"'), [
    ['negotiate', {}],
    ['basic', { realm: 'b' }],
  ]);
  assert.deepEqual(read('Negotiate abc==, Bearer realm="x", error="invalid_token" , Basic realm="y"'), [
    ['negotiate', {}],
    ['bearer', { realm: 'x', error: 'invalid_token' }],
    ['basic', { realm: 'y' }],
  ]);
  assert.deepEqual(read('Basic, Negotiate'), [
    ['basic', {}],
    ['negotiate', {}],
  ]);
});

test('parseChallenges stops at garbage without hanging', () => {
  assert.deepEqual(read(''), []);
  assert.deepEqual(read('"'), []);
  assert.deepEqual(read('Bearer realm="unclosed'), [
    ['bearer', {}],
    ['realm', {}],
  ]);
  assert.equal(read(`Bearer ${'a,'.repeat(20_000)}`).length > 0, true);
});
