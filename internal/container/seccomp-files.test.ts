import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { plainSecurity } from '../../test/fixtures/spec-input.ts';
import { localhostSeccomp, readSeccompProfile } from './seccomp-files.ts';
import { parseSeccompProfile } from './spec/seccomp-profile.ts';

test('a profile is a file of at most 1 MiB with JSON in it; nothing else is waited for', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'cria-seccomp-'));
  t.after(() => rmSync(root, { recursive: true }));
  const path = (name: string) => join(root, name);
  writeFileSync(path('good'), '{"defaultAction":"SCMP_ACT_ALLOW"}');
  writeFileSync(path('torn'), '{');
  writeFileSync(path('large'), '');
  truncateSync(path('large'), 2 ** 20 + 1);
  execFileSync('mkfifo', [path('pipe')]);
  assert.deepEqual(await readSeccompProfile(path('good')), { defaultAction: 'SCMP_ACT_ALLOW' });
  const refusals = {
    none: 'cannot be read (ENOENT)',
    torn: 'is not valid JSON',
    large: 'is larger than 1 MiB',
    pipe: 'is no file',
    '.': 'is no file',
  };
  for (const [name, why] of Object.entries(refusals)) {
    const message = `seccomp profile "${path(name)}" ${why}`;
    await assert.rejects(readSeccompProfile(path(name)), { kind: 'invalid-argument', message });
  }
});

test('a container names its profile by an absolute path', async () => {
  const security = { ...plainSecurity, seccomp: { type: 'localhost', localhostRef: 'p.json' } } as const;
  await assert.rejects(localhostSeccomp(security), {
    message: 'seccomp profile "p.json" is not an absolute path',
  });
});

test('a number that JSON.parse cannot hold is refused, not changed', () => {
  const args = [{ index: 0, value: 2 ** 64, op: 'SCMP_CMP_EQ' }];
  const rule = { names: ['personality'], action: 'SCMP_ACT_ERRNO', args };
  assert.throws(() => parseSeccompProfile({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] }, '/p'), {
    message: 'seccomp profile "/p" is not valid: syscalls[0].args.value is above 2^53 - 1',
  });
});
