import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pullCredentials } from './pull-credentials.ts';

const empty = {
  username: '',
  password: '',
  auth: '',
  serverAddress: '',
  identityToken: '',
  registryToken: '',
};
const base64 = (text: string): string => Buffer.from(text).toString('base64');

test('pullCredentials takes every form, names before auth', () => {
  assert.equal(pullCredentials(null), undefined);
  assert.equal(pullCredentials({ ...empty, serverAddress: 'https://r.io' }), undefined);
  const pair = { username: 'me', password: 'a:b' };
  const rest = { identityToken: '', registryToken: '', serverAddress: '' };
  assert.deepEqual(pullCredentials({ ...empty, ...pair }), { ...pair, ...rest });
  assert.deepEqual(pullCredentials({ ...empty, auth: base64('me:a:b\0\0') }), { ...pair, ...rest });
  assert.deepEqual(pullCredentials({ ...empty, ...pair, auth: base64('x:y') }), { ...pair, ...rest });
  assert.equal(pullCredentials({ ...empty, identityToken: 't' })?.identityToken, 't');
  assert.equal(pullCredentials({ ...empty, registryToken: 't' })?.registryToken, 't');
});

test('pullCredentials refuses an auth that is no pair, without repeating it', () => {
  assert.throws(() => pullCredentials({ ...empty, auth: base64('geheim') }), {
    kind: 'invalid-argument',
    message: 'auth.auth is not the base64 form of user:password',
  });
});
