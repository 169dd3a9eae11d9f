import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { nodeCommandRunner } from '../../test/harness/node-command-runner.ts';
import { describeError } from '../errors/daemon-error.ts';
import { CredentialHelpers } from './credential-helper.ts';

const never = new AbortController().signal;
let folder: string;
let helpers: CredentialHelpers;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'credential-helper-'));
  helpers = new CredentialHelpers(nodeCommandRunner, { PATH: `relative:${folder}:/bin`, UNSET: undefined });
});

after(() => rm(folder, { recursive: true }));

async function helper(name: string, script: string): Promise<void> {
  await writeFile(join(folder, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

test('a helper gets its verb and the server, and its answer is taken', async () => {
  await helper('good', 'read server; echo "{\\"Username\\":\\"$1 $server\\",\\"Secret\\":\\"s\\"}"');
  const found = await helpers.get('good', 'r.io:5000', never);
  assert.deepEqual(found, { username: 'get r.io:5000', password: 's', identityToken: '', registryToken: '' });
  await helper('token', 'echo \'{"Username":"<token>","Secret":"t"}\'');
  const token = await helpers.get('token', 'r.io', never);
  assert.deepEqual(token, { username: '', password: '', identityToken: 't', registryToken: '' });
});

test('a helper that knows nothing of the server is no failure', async () => {
  await helper('unknown', 'echo "credentials not found in native keychain"; exit 1');
  assert.equal(await helpers.get('unknown', 'r.io', never), undefined);
  await helper('empty', 'echo \'{"Username":"","Secret":""}\'');
  assert.equal(await helpers.get('empty', 'r.io', never), undefined);
});

test('a helper that fails is told without a word of what it said', async () => {
  await helper('failing', 'echo geheim; echo geheim >&2; exit 4');
  await helper('talking', 'echo "geheim"');
  await helper('partial', 'echo \'{"Username":"geheim"}\'');
  await helper('killed', 'echo geheim; kill -9 $$');
  const cases: [string, RegExp][] = [
    ['failing', /^credential helper "failing" exited with code 4 when it was asked for "r\.io"$/],
    ['killed', /was killed by SIGKILL/],
    ['talking', /answered with something that is not JSON$/],
    ['partial', /answered without a user name and a secret$/],
    ['absent', /has no program: docker-credential-absent is not in the PATH of cria$/],
    ['../evil', /^credential helper "\.\.\/evil" has a name that is not valid$/],
    ['-x', /has a name that is not valid$/],
  ];
  for (const [name, expected] of cases) {
    await assert.rejects(helpers.get(name, 'r.io', never), (error: unknown) => {
      const text = describeError(error);
      assert.match(text, expected);
      assert.ok(!text.includes('geheim'), text);
      return true;
    });
  }
});
