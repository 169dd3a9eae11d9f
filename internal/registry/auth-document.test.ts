import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entriesFor } from './auth-document.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function user(auths: object, host: string, path: string): string | undefined {
  const [entry] = entriesFor({ auths }, { host, path });
  return entry !== undefined && 'credentials' in entry ? entry.credentials.username : undefined;
}

test('entriesFor takes the most specific entry', () => {
  const auths = {
    'r.io': { auth: base64('host:p') },
    'r.io/team': { auth: base64('team:p') },
    'r.io/team/app': { auth: base64('app:p') },
    'r.io:5000': { auth: base64('port:p') },
  };
  assert.equal(user(auths, 'r.io', 'team/app'), 'app');
  assert.equal(user(auths, 'r.io', 'team/app2'), 'team');
  assert.equal(user(auths, 'r.io', 'other'), 'host');
  assert.equal(user(auths, 'r.io:5000', 'team/app'), 'port');
  assert.equal(user(auths, 's.io', 'team/app'), undefined);
  assert.equal(user(auths, '__proto__', 'x'), undefined);
});

test('entriesFor knows the old addresses of docker clients', () => {
  assert.equal(
    user({ 'https://index.docker.io/v1/': { auth: base64('hub:p') } }, 'docker.io', 'library/x'),
    'hub',
  );
  assert.equal(user({ 'https://r.io/v2/': { auth: base64('old:p') } }, 'r.io', 'x'), 'old');
  assert.equal(user({ 'http://r.io': { username: 'plain', password: 'p' } }, 'r.io', 'x'), 'plain');
});

test('entriesFor reads passwords with colons and identity tokens', () => {
  const repository = { host: 'r.io', path: 'x' };
  const auths = { 'r.io': { auth: base64('u:a:b'), identitytoken: 't' } };
  const credentials = { username: 'u', password: 'a:b', identityToken: 't', registryToken: '' };
  assert.deepEqual(entriesFor({ auths }, repository), [{ credentials }]);
  for (const document of [undefined, null, [], {}, { auths: [] }, { auths: { 'r.io': {} } }]) {
    assert.deepEqual(entriesFor(document, repository), []);
  }
});

test('entriesFor puts the helper of a host first and the helper for all hosts last', () => {
  const document = {
    auths: { 'r.io': { auth: base64('u:p') }, 's.io': {} },
    credHelpers: { 'r.io': 'own', 'other.io': 'x' },
    credsStore: 'all',
  };
  const kinds = (host: string): string[] =>
    entriesFor(document, { host, path: 'a' }).map((entry) =>
      'helper' in entry ? `${entry.helper} ${entry.server}` : 'entry',
    );
  assert.deepEqual(kinds('r.io'), ['own r.io', 'entry', 'all r.io']);
  assert.deepEqual(kinds('s.io'), ['all s.io']);
  assert.deepEqual(kinds('docker.io'), ['all https://index.docker.io/v1/']);
  assert.deepEqual(kinds('__proto__'), ['all __proto__']);
});
