import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { describeError } from '../errors/daemon-error.ts';
import { silentLogger } from '../log/logger.ts';
import { AuthFiles, authFilePaths, findCredentials } from './auth-files.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const user = (auths: object, host: string, path: string): string | undefined =>
  findCredentials({ auths }, { host, path })?.username;

test('findCredentials takes the most specific entry', () => {
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

test('findCredentials knows the old addresses of docker clients', () => {
  assert.equal(
    user({ 'https://index.docker.io/v1/': { auth: base64('hub:p') } }, 'docker.io', 'library/x'),
    'hub',
  );
  assert.equal(user({ 'https://r.io/v2/': { auth: base64('old:p') } }, 'r.io', 'x'), 'old');
  assert.equal(user({ 'http://r.io': { username: 'plain', password: 'p' } }, 'r.io', 'x'), 'plain');
});

test('findCredentials reads passwords with colons and identity tokens', () => {
  const repository = { host: 'r.io', path: 'x' };
  const found = findCredentials(
    { auths: { 'r.io': { auth: base64('u:a:b'), identitytoken: 't' } } },
    repository,
  );
  assert.deepEqual(found, { username: 'u', password: 'a:b', identityToken: 't', registryToken: '' });
  for (const document of [undefined, null, [], {}, { auths: [] }, { auths: { 'r.io': {} } }]) {
    assert.equal(findCredentials(document, repository), undefined);
  }
});

test('authFilePaths lets a global file replace the defaults', () => {
  assert.deepEqual(authFilePaths('/a', { HOME: '/root' }), ['/a']);
  assert.deepEqual(authFilePaths('', { HOME: '/root' }), [
    '/run/containers/0/auth.json',
    '/root/.config/containers/auth.json',
    '/root/.docker/config.json',
  ]);
  assert.deepEqual(authFilePaths('', { XDG_RUNTIME_DIR: '/run/user/0' }), [
    '/run/user/0/containers/auth.json',
  ]);
});

test('a broken auth file is named, but its content is not told', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'auth-'));
  try {
    const files = new AuthFiles([join(folder, 'none'), join(folder, 'auth.json')], silentLogger);
    assert.equal(await files.lookup({ host: 'r.io', path: 'x' }), undefined);
    await writeFile(join(folder, 'auth.json'), '{"auths":{"r.io":{"auth":"c2VjcmV0"');
    await assert.rejects(files.lookup({ host: 'r.io', path: 'x' }), (error: unknown) => {
      const text = describeError(error);
      return text.includes('auth.json is not valid JSON') && !text.includes('c2VjcmV0');
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
