import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadConfig, usualConfigInputs } from '../../internal/config/load-config.ts';
import type { Config } from '../../internal/config/options.ts';
import { prepareDirectories } from './prepare-directories.ts';
import { requireRoot } from './require-root.ts';

let root = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'cria-directories-'));
});
after(() => rm(root, { recursive: true }));

async function configWith(dataDirectory: string): Promise<Config> {
  const configFile = join(root, 'crio.conf');
  await writeFile(
    configFile,
    `[crio.runtime]\nnamespaces_dir = "${root}/ns"\ncontainer_exits_dir = "${root}/exits"\n` +
      `[cria]\nrun_dir = "${root}/run"\ndata_dir = "${dataDirectory}"\n`,
  );
  const storageConf = { files: [], driver: undefined, options: undefined };
  return (await loadConfig({ ...usualConfigInputs, configFile, configDir: '', storageConf })).config;
}

test('prepareDirectories makes what is missing, private to root', async () => {
  await prepareDirectories(await configWith(join(root, 'data')));
  assert.equal((await stat(join(root, 'data/containers'))).mode & 0o777, 0o700);
  assert.equal((await stat(join(root, 'ns/netns'))).mode & 0o777, 0o755);
});

test('a directory that cannot be made is named with the option that says where it is', async () => {
  const file = join(root, 'file');
  await writeFile(file, '');
  await assert.rejects(prepareDirectories(await configWith(join(file, 'data'))), {
    name: 'DaemonError',
    message: /^cannot make the directory ".*\/file\/data\/" \(data_dir in \[cria\]\): ENOTDIR/,
  });
});

test('the daemon is for root alone, and says so', () => {
  requireRoot(0);
  assert.throws(() => requireRoot(1000), { kind: 'permission-denied', message: /needs root.* user 1000/ });
});
