import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppArmor } from '../apparmor/apparmor.ts';
import { apparmorProfile } from './apparmor-profile.ts';
import type { SecurityProfile } from './container-config.ts';

const kernel = (loaded: readonly string[], more: Partial<AppArmor> = {}): AppArmor => ({
  isEnabled: true,
  defaultProfile: 'crio-default',
  isDefaultOurs: true,
  has: async (profile) => loaded.includes(profile),
  ...more,
});
const byDefault: SecurityProfile = { type: 'runtime-default' };
const unconfined: SecurityProfile = { type: 'unconfined' };
const mine: SecurityProfile = { type: 'localhost', localhostRef: 'mine' };
const of = (apparmor: SecurityProfile | undefined, host: AppArmor, privileged = false) =>
  apparmorProfile({ apparmor, privileged }, host);

test('the profile by the request, where the kernel has it', async () => {
  const host = kernel(['crio-default', 'mine']);
  assert.equal(await of(undefined, host), 'crio-default');
  assert.equal(await of(byDefault, host), 'crio-default');
  assert.equal(await of(unconfined, host), 'unconfined');
  assert.equal(await of(mine, host), 'mine');
  for (const asked of [undefined, byDefault, unconfined, mine])
    assert.equal(await of(asked, host, true), undefined);
});

test('without AppArmor only a named profile is refused', async () => {
  const host = kernel([], { isEnabled: false });
  for (const asked of [undefined, byDefault, unconfined]) assert.equal(await of(asked, host), undefined);
  await assert.rejects(of(mine, host), { kind: 'failed-precondition', message: /this host has no AppArmor/ });
  const odd: SecurityProfile = { type: 'localhost', localhostRef: 'a b' };
  await assert.rejects(of(odd, kernel([])), { kind: 'invalid-argument' });
});

test('a profile that is not loaded is refused, but for our own that nobody asked for', async () => {
  await assert.rejects(of(mine, kernel([])), {
    kind: 'failed-precondition',
    message: /"mine" is not loaded/,
  });
  await assert.rejects(of(byDefault, kernel([])), {
    kind: 'failed-precondition',
    message: /"crio-default" is not loaded; install apparmor_parser/,
  });
  assert.equal(await of(undefined, kernel([])), undefined);
  const administrators = kernel([], { defaultProfile: 'theirs', isDefaultOurs: false });
  await assert.rejects(of(undefined, administrators), { message: /"theirs" is not loaded; load it/ });
});

test('the option can say that there is no default', async () => {
  assert.equal(await of(byDefault, kernel([], { defaultProfile: 'unconfined' })), 'unconfined');
  assert.equal(await of(byDefault, kernel([], { defaultProfile: '' })), undefined);
});
