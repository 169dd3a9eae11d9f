import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { nodeCommandRunner } from '../../test/harness/node-command-runner.ts';
import { silentLogger } from '../log/logger.ts';
import { CredentialHelpers } from './credential-helper.ts';
import { NamespacedAuth } from './namespaced-auth.ts';
import { NodeCredentials } from './node-credentials.ts';

const never = new AbortController().signal;
const repository = { host: 'r.io', path: 'a/b' };
let folder: string;
let helperNames: string[];
let credentials: NodeCredentials;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'node-credentials-'));
  helperNames = [];
  await mkdir(join(folder, 'auth'));
  credentials = new NodeCredentials({
    files: ['one', 'two'].map((name) => ({ path: join(folder, name), isLegacy: false })),
    namespaced: new NamespacedAuth(join(folder, 'auth'), silentLogger),
    helpers: new CredentialHelpers(nodeCommandRunner, { PATH: folder }),
    helperNames: () => helperNames,
  });
});

afterEach(() => rm(folder, { recursive: true }));

async function writeDocument(name: string, user: string, host = 'r.io'): Promise<void> {
  const auth = Buffer.from(`${user}:p`).toString('base64');
  await writeFile(join(folder, name), JSON.stringify({ auths: { [host]: { auth } } }));
}

function namespacedName(namespace: string): string {
  return `auth/${namespace}-${createHash('sha256').update('r.io/a/b').digest('hex')}.json`;
}

/** Who is found for a pull of the image, and where. */
async function found(namespace = ''): Promise<string | undefined> {
  const version = { tag: 'v1' };
  const pull = await credentials.forPull({ repository, version, credentials: undefined, namespace });
  const hit = await pull.lookup(repository, never);
  return hit && `${hit.credentials.username} ${hit.source.replace(folder, '')}`;
}

test('the first file that has credentials counts', async () => {
  assert.equal(await found(), undefined);
  await writeDocument('two', 'second');
  assert.equal(await found(), 'second auth file /two');
  await writeDocument('one', 'elsewhere', 'other.io');
  assert.equal(await found(), 'second auth file /two');
  await writeDocument('one', 'first');
  assert.equal(await found(), 'first auth file /one');
});

test('helpers of registries.conf stand where the list puts them', async () => {
  await writeDocument('one', 'file');
  const script = '#!/bin/sh\necho \'{"Username":"helped","Secret":"p"}\'\n';
  await writeFile(join(folder, 'docker-credential-x'), script, { mode: 0o755 });
  helperNames = ['x', 'containers-auth.json'];
  assert.equal(await found(), 'helped credential helper "x"');
  helperNames = ['containers-auth.json', 'x'];
  assert.equal(await found(), 'file auth file /one');
  helperNames = ['x'];
  await rm(join(folder, 'docker-credential-x'));
  await assert.rejects(found(), /docker-credential-x is not in the PATH/);
});

test("a namespace's file wins once, for its namespace and image only", async () => {
  await writeDocument('one', 'node');
  await writeDocument(namespacedName('shop'), 'shop');
  assert.equal(await found(), 'node auth file /one');
  assert.equal(await found('other'), 'node auth file /one');
  assert.equal(await found('../auth/shop'), 'node auth file /one');
  assert.equal(await found('shop'), 'shop namespace "shop"');
  assert.equal(await found('shop'), 'node auth file /one');
  assert.deepEqual(await readdir(join(folder, 'auth/in-use')), []);
});

test('a broken file of a namespace is told, and gone', async () => {
  await writeFile(join(folder, namespacedName('shop')), '{"geheim');
  await assert.rejects(found('shop'), /is not valid JSON$/);
  assert.deepEqual(await readdir(join(folder, 'auth')), ['in-use']);
  assert.equal(await found('shop'), undefined);
});

test('what a killed daemon has left in use is removed, what is in use stays', async () => {
  const namespaced = new NamespacedAuth(join(folder, 'auth'), silentLogger);
  await namespaced.removeLeftovers();
  await mkdir(join(folder, 'auth/in-use'));
  await writeDocument('auth/in-use/fresh.json', 'x');
  await namespaced.removeLeftovers();
  assert.deepEqual(await readdir(join(folder, 'auth/in-use')), ['fresh.json']);
});
