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
    const file = new RegistriesFile(path, silentLogger);
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
    assert.deepEqual(file.endpoints(repository, { tag: 'v1' }), [
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
