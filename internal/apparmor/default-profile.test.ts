import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closedPaths, ownProfile } from './default-profile.ts';

/** What the pattern matches, by apparmor.d(5): `**` is anything, `*` anything but a slash. */
function matches(pattern: string, path: string): boolean {
  const text = pattern.replace(/\*\*|\*|\./g, (sign) => ({ '**': '.*', '*': '[^/]*' })[sign] ?? `\\${sign}`);
  return new RegExp(`^${text}$`).test(path);
}

function isClosed(path: string, access: string): boolean {
  return closedPaths.some(
    ([denied, patterns]) => denied.includes(access) && patterns.some((pattern) => matches(pattern, path)),
  );
}

test('of /proc and /sys only what is the container’s own may be written', () => {
  const open = ['/proc/1/oom_score_adj', '/proc/42/task/43/comm', '/proc/sys/kernel/shmmax', '/tmp/x'];
  for (const path of [...open, '/sys/fs/cgroup/memory/x', '/proc/99/attr/exec'])
    assert.equal(isClosed(path, 'w'), false, path);
  const closed = ['/proc/sysrq-trigger', '/proc/kcore', '/proc/irq/1/smp_affinity', '/proc/scsi/scsi'];
  const settings = ['/proc/sys/kernel/core_pattern', '/proc/sys/kernel/sem', '/proc/sys/net/ipv4/ip_forward'];
  const others = ['/proc/sysvipc/shm', '/sys/kernel/uevent_helper', '/sys/fs/bpf/x', '/sys/firmware/efi/x'];
  for (const path of [...closed, ...settings, ...others, '/proc/sys/vm/drop_caches', '/proc/fs/x'])
    assert.equal(isClosed(path, 'w'), true, path);
});

test('what tells too much cannot be read either', () => {
  for (const path of [
    '/proc/kcore',
    '/sys/firmware/acpi/tables/x',
    '/sys/devices/virtual/powercap/x/energy_uj',
  ])
    assert.equal(isClosed(path, 'r'), true, path);
  for (const path of ['/proc/cpuinfo', '/sys/class/net/eth0/mtu', '/proc/sys/net/core/somaxconn'])
    assert.equal(isClosed(path, 'r'), false, path);
});

test('the daemon’s own profile may send signals, and the rules of version 3 are used where they are', () => {
  const text = ownProfile({ hasAbi3: true, daemonProfile: 'snap.cria' });
  assert.match(
    text,
    /^abi <abi\/3\.0>,\nprofile "crio-default" flags=\(attach_disconnected, mediate_deleted\) \{$/m,
  );
  assert.match(text, /^ {2}signal \(receive\) peer="snap\.cria",$/m);
  assert.match(text, /^ {2}deny mount,$/m);
  assert.ok(ownProfile({ hasAbi3: false, daemonProfile: undefined }).startsWith('profile "crio-default"'));
});
