import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLogger } from '../../internal/log/logger.ts';
import { warnOfPolicy } from './warn-of-policy.ts';

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'policy-'));
});
after(() => rm(directory, { recursive: true }));

async function errorsOf(text: string): Promise<object[]> {
  const path = join(directory, 'policy.json');
  await writeFile(path, text);
  const errors: object[] = [];
  await warnOfPolicy(path, { ...silentLogger, error: (fields) => void errors.push(fields) });
  return errors;
}

const accept = { type: 'insecureAcceptAnything' };

test('warnOfPolicy is silent where nothing is asked for, or there is no policy', async () => {
  const policy = { default: [accept], transports: { docker: { 'r.example': [accept] } } };
  assert.deepEqual(await errorsOf(JSON.stringify(policy)), []);
  await warnOfPolicy(join(directory, 'none.json'), silentLogger);
});

test('warnOfPolicy names what a policy asks for, wherever it stands', async () => {
  const signed = { type: 'sigstoreSigned', keyPath: '/k', signedIdentity: { type: 'matchRepository' } };
  const policy = { default: [{ type: 'reject' }], transports: { docker: { 'r.example': [accept, signed] } } };
  const [found] = await errorsOf(JSON.stringify(policy));
  assert.deepEqual(found, { path: join(directory, 'policy.json'), requirements: 'reject, sigstoreSigned' });
  assert.equal((await errorsOf('{')).length, 1);
});
