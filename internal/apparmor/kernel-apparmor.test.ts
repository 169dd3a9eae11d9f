import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { nodeCommandRunner } from '../../test/harness/node-command-runner.ts';
import { silentLogger } from '../log/logger.ts';
import { openAppArmor } from './kernel-apparmor.ts';

/** Files as the kernel has them, and a program in the parser's place that enters what it is given into their list. */
function machine(
  t: TestContext,
  { enabled = 'Y', profiles = ['/usr/bin/man (enforce)', 'a b (complain)'] } = {},
) {
  const root = mkdtempSync(join(tmpdir(), 'cria-apparmor-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const directory of ['module/apparmor/parameters', 'kernel/security/apparmor', 'bin'])
    mkdirSync(join(root, directory), { recursive: true });
  writeFileSync(join(root, 'module/apparmor/parameters/enabled'), `${enabled}\n`);
  const list = join(root, 'kernel/security/apparmor/profiles');
  const unload = () => writeFileSync(list, profiles.map((line) => `${line}\n`).join(''));
  unload();
  const name = `sed -n 's/^profile "\\(.*\\)" flags.*/\\1 (enforce)/p'`;
  const script = `#!/bin/sh\necho "$@" >>${root}/calls\n${name} >>${list}\n`;
  writeFileSync(join(root, 'bin/apparmor_parser'), script, { mode: 0o755 });
  const open = (defaultProfile: string) =>
    openAppArmor({
      defaultProfile,
      runner: nodeCommandRunner,
      logger: silentLogger,
      searchPath: join(root, 'bin'),
      sys: root,
    });
  return { open, unload, list, calls: () => readFileSync(join(root, 'calls'), 'utf8') };
}

test('our profile is loaded at the start, and again when it was unloaded', async (t) => {
  const { open, unload, calls } = machine(t);
  const apparmor = await open('crio-default');
  assert.ok(apparmor.isEnabled && apparmor.isDefaultOurs);
  assert.equal(calls(), '--replace --skip-cache\n');
  assert.equal(await apparmor.has('crio-default'), true);
  assert.equal(calls(), '--replace --skip-cache\n');
  unload();
  assert.equal(await apparmor.has('crio-default'), true);
  assert.equal(calls(), '--replace --skip-cache\n'.repeat(2));
});

test('another default profile is taken when the kernel has it, and ours is loaded for it', async (t) => {
  const { open, calls } = machine(t);
  const apparmor = await open('/usr/bin/man');
  const seen = () => [apparmor.defaultProfile, apparmor.isDefaultOurs];
  await assert.rejects(apparmor.prepare('theirs'), {
    kind: 'failed-precondition',
    message: 'the default AppArmor profile "theirs" is not loaded; load it with apparmor_parser',
  });
  const apply = await apparmor.prepare('crio-default');
  assert.equal(calls(), '--replace --skip-cache\n');
  assert.deepEqual(seen(), ['/usr/bin/man', false]);
  apply();
  assert.deepEqual(seen(), ['crio-default', true]);
  for (const name of ['a b', 'unconfined', '']) {
    (await apparmor.prepare(name))();
    assert.deepEqual(seen(), [name, false]);
  }
});

test('profiles of others are looked for by their whole name, and never loaded', async (t) => {
  const { open, calls } = machine(t);
  const apparmor = await open('theirs');
  assert.equal(apparmor.isDefaultOurs, false);
  const names = ['/usr/bin/man', 'a b', 'a', 'theirs', 'crio-default', ''];
  const found = await Promise.all(names.map((name) => apparmor.has(name)));
  assert.deepEqual(found, [true, true, false, false, false, false]);
  assert.throws(calls, { code: 'ENOENT' });
});

test('off, or without a list of profiles: nothing is loaded', async (t) => {
  const off = machine(t, { enabled: 'N' });
  assert.equal((await off.open('crio-default')).isEnabled, false);
  const hidden = machine(t);
  rmSync(hidden.list);
  const apparmor = await hidden.open('crio-default');
  assert.deepEqual([apparmor.isEnabled, await apparmor.has('crio-default')], [false, false]);
});

test('a profile that cannot be loaded is not there', async (t) => {
  const { open, list } = machine(t);
  writeFileSync(join(list, '../../../../bin/apparmor_parser'), '#!/bin/sh\nexit 1\n');
  assert.equal(await (await open('crio-default')).has('crio-default'), false);
});
