import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseImageUser, shownImageUser } from './image-user.ts';

test('parseImageUser gives a uid or a name, never both, and cuts the group off', () => {
  const cases: [string, number | undefined, string][] = [
    ['', undefined, ''],
    ['0', 0, ''],
    ['1002', 1002, ''],
    ['1002:1004', 1002, ''],
    ['www-data', undefined, 'www-data'],
    ['www-data:1004', undefined, 'www-data'],
    ['2147483647', 2147483647, ''],
    ['007', 7, ''],
    ['-1', undefined, '-1'],
    ['1e3', undefined, '1e3'],
  ];
  for (const [field, uid, username] of cases)
    assert.deepEqual(parseImageUser(field), { uid, username }, field);
});

test('parseImageUser refuses numbers that are no uid', () => {
  for (const field of ['2147483648', '4294967296:0', '99999999999999999999']) {
    assert.throws(() => parseImageUser(field), /not a valid uid/);
    assert.deepEqual(shownImageUser(field), { uid: undefined, username: field });
  }
});
