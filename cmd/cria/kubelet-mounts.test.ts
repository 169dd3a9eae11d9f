import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../internal/log/logger.ts';
import { warnOfOtherMounts } from './kubelet-mounts.ts';

async function problemWith(path: string | undefined): Promise<unknown> {
  let problem: unknown;
  const error = (fields: Readonly<Record<string, unknown>>): void => {
    problem = fields['problem'];
  };
  await warnOfOtherMounts(path, { ...silentLogger, error });
  return problem;
}

test("a mount namespace of the kubelet that is not the daemon's own is told, and one that is not there", async () => {
  assert.equal(await problemWith(undefined), undefined);
  assert.equal(await problemWith(''), undefined);
  assert.equal(await problemWith('/proc/self/ns/mnt'), undefined);
  assert.equal(await problemWith('/proc/self/ns/net'), 'the daemon was not started in that mount namespace');
  assert.match(String(await problemWith('/nowhere/mnt')), /ENOENT/);
});
