import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { SystemCallError } from './libc.ts';

test('SystemCallError has the names that Node gives to errors', () => {
  const codeOf = (errno: number) => new SystemCallError('call', errno, '').code;
  assert.equal(codeOf(constants.errno.EAGAIN), 'EAGAIN');
  assert.equal(codeOf(constants.errno.ENOENT), 'ENOENT');
  assert.equal(codeOf(4000), 'errno 4000');
});
