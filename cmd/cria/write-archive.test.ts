import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstat, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import { writeArchive } from './write-archive.ts';

const never = new AbortController().signal;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cria-archive-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function* archive(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('ar');
  yield Buffer.from('chive');
}

test('what is no file is left alone: a pipe, a device, a directory', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const refused = (error: unknown): boolean =>
    error instanceof DaemonError && /redirect standard output/.test(error.message);
  await assert.rejects(writeArchive(archive(), pipe, never), refused);
  assert.ok((await lstat(pipe)).isFIFO());
  await assert.rejects(writeArchive(archive(), folder, never), refused);
  assert.deepEqual(await readdir(folder), ['pipe']);
});

test('of a link its target is replaced', async () => {
  const [file, link] = [join(folder, 'file'), join(folder, 'link')];
  await writeFile(file, 'old');
  await symlink('file', link);
  await writeArchive(archive(), link, never);
  assert.ok((await lstat(link)).isSymbolicLink());
  assert.equal(await readFile(file, 'utf8'), 'archive');
});

test('a failure names the archive that was asked for and what to do', async () => {
  const path = join(folder, 'absent', 'a.tar');
  const message = `archive "${path}" cannot be written: the directory ${join(folder, 'absent')} does not exist`;
  await assert.rejects(writeArchive(archive(), path, never), { name: 'DaemonError', message });
});

test('an archive that fails leaves the file as it was and nothing beside it', async () => {
  const path = join(folder, 'a.tar');
  await writeFile(path, 'old');
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('half');
    throw new Error('a damaged layer');
  }
  await assert.rejects(writeArchive(broken(), path, never), /a damaged layer/);
  assert.equal(await readFile(path, 'utf8'), 'old');
  assert.deepEqual(await readdir(folder), ['a.tar']);
});
