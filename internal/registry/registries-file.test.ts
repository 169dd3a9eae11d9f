import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '../log/logger.ts';
import { RegistriesFile } from './registries-file.ts';

test('drop-ins override the main file, and a broken reload leaves what was in force', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'registries-'));
  const path = join(folder, 'registries.conf');
  try {
    const file = new RegistriesFile({ main: path, aliasCache: join(folder, 'cache') }, silentLogger);
    await file.reload();
    assert.deepEqual(file.searchRegistries(), []);

    await mkdir(`${path}.d`);
    await writeFile(path, 'unqualified-search-registries = ["a.io"]\n[aliases]\nx = "a.io/x"\ny = "a.io/y"');
    await writeFile(join(`${path}.d`, '10.conf'), '[[registry]]\nlocation = "r.io"\nblocked = true');
    await writeFile(join(`${path}.d`, '20.conf'), '[[registry]]\nlocation = "r.io"\n[aliases]\nx = ""');
    await writeFile(join(`${path}.d`, 'ignored.txt'), 'not toml');
    await file.reload();
    assert.deepEqual(file.searchRegistries(), ['a.io']);
    assert.equal(file.alias('x'), undefined);
    assert.equal(file.alias('y'), 'a.io/y');
    const repository = { host: 'r.io', path: 'a' };
    assert.deepEqual(await file.endpoints(repository, { tag: 'v1' }), [
      { repository, insecure: false, isMirror: false },
    ]);

    await writeFile(path, 'unqualified-search-registries = 7');
    await assert.rejects(file.reload(), {
      kind: 'failed-precondition',
      message: /registries\.conf: "unqualified/,
    });
    assert.deepEqual(file.searchRegistries(), ['a.io']);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("changes are followed without a reload, broken ones only told, and podman's short names win", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'registries-'));
  const [main, aliasCache] = [join(folder, 'registries.conf'), join(folder, 'aliases.conf')];
  const told: string[] = [];
  const tell = (_: object, message: string): void => void told.push(message);
  const file = new RegistriesFile({ main, aliasCache }, { ...silentLogger, error: tell, warn: tell });
  const repository = { host: 'r.io', path: 'a' };
  const hosts = async (): Promise<string[]> =>
    (await file.endpoints(repository, { tag: 'v1' })).map((endpoint) => endpoint.repository.host);
  try {
    assert.deepEqual(await hosts(), ['r.io']);
    await writeFile(main, '[[registry]]\nprefix = "r.io"\nlocation = "one.io"\n[aliases]\nx = "a.io/x"');
    assert.deepEqual(await hosts(), ['one.io']);
    await mkdir(`${main}.d`);
    await writeFile(join(`${main}.d`, '10.conf'), '[[registry]]\nprefix = "r.io"\nlocation = "two.io"');
    assert.deepEqual(await hosts(), ['two.io']);

    await writeFile(join(`${main}.d`, '10.conf'), '[[registry');
    assert.deepEqual(await hosts(), ['two.io']);
    assert.deepEqual(await hosts(), ['two.io']);
    assert.equal(told.length, 1, told.join('\n'));

    await rm(`${main}.d`, { recursive: true });
    await writeFile(aliasCache, '[aliases]\nx = "podman.io/x"');
    await file.follow();
    assert.equal(file.alias('x'), 'podman.io/x');
    await writeFile(aliasCache, 'broken');
    await file.reload();
    assert.equal(file.alias('x'), 'a.io/x');
    assert.match(told.at(-1) ?? '', /short names that podman was told cannot be read/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
