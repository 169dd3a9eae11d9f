import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { describeError } from '../errors/daemon-error.ts';
import { authFilesOf, readAuthFile } from './auth-files.ts';

const paths = (globalFile: string, env: Record<string, string>): string[] =>
  authFilesOf(globalFile, env, '/root').map(({ path, isLegacy }) => `${path}${isLegacy ? ' (legacy)' : ''}`);

test('authFilesOf lets a global file replace the defaults', () => {
  assert.deepEqual(paths('/a', { REGISTRY_AUTH_FILE: '/b' }), ['/a']);
  assert.deepEqual(paths('', {}), [
    '/run/containers/0/auth.json',
    '/root/.config/containers/auth.json',
    '/root/.docker/config.json',
    '/root/.dockercfg (legacy)',
  ]);
  const env = {
    REGISTRY_AUTH_FILE: '/b',
    XDG_RUNTIME_DIR: '/run/user/0',
    XDG_CONFIG_HOME: '/c',
    DOCKER_CONFIG: '/d',
  };
  assert.deepEqual(paths('', env), [
    '/b',
    '/run/user/0/containers/auth.json',
    '/c/containers/auth.json',
    '/d/config.json',
    '/root/.dockercfg (legacy)',
  ]);
});

test('readAuthFile reads both forms, and tells nothing of the content of a broken one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'auth-'));
  const path = join(folder, 'auth.json');
  try {
    assert.equal(await readAuthFile({ path, isLegacy: false }), undefined);
    await writeFile(path, '');
    assert.equal(await readAuthFile({ path, isLegacy: false }), undefined);
    await writeFile(path, '{"r.io":{"auth":"x"}}');
    assert.deepEqual(await readAuthFile({ path, isLegacy: true }), { auths: { 'r.io': { auth: 'x' } } });
    await writeFile(path, '{"auths":{"r.io":{"auth":"c2VjcmV0"');
    await assert.rejects(readAuthFile({ path, isLegacy: false }), (error: unknown) => {
      const text = describeError(error);
      return text.includes('auth.json is not valid JSON') && !text.includes('c2VjcmV0');
    });
    await truncate(path, 5 * 1024 * 1024);
    await assert.rejects(readAuthFile({ path, isLegacy: false }), /auth\.json cannot be read/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
