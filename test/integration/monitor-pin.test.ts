// The role `pin` of the native monitor: namespaces that live without a process.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { monitorPath } from '../harness/monitor-build.ts';
import { missing } from './monitor-fixture.ts';

describe('pin', { skip: missing() }, () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'cria-pin-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const pin = (...options: string[]): string =>
    execFileSync(monitorPath, ['pin', ...options], { encoding: 'utf8', stdio: 'pipe' });
  const inside = (option: string, path: string, script: string): string =>
    execFileSync('nsenter', [`--${option}=${path}`, '/bin/sh', '-c', script], { encoding: 'utf8' });

  test('makes and holds namespaces', () => {
    const [net, ipc, uts] = ['net', 'ipc', 'uts'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    pin('--net', net, '--ipc', ipc, '--uts', uts, '--hostname', 'pod-1', '--sysctl', 'net.ipv4.ip_forward=1');
    try {
      assert.notEqual(statSync(net).ino, statSync('/proc/self/ns/net').ino);
      assert.equal(inside('uts', uts, 'hostname').trim(), 'pod-1');
      assert.match(inside('net', net, 'cat /sys/class/net/lo/operstate; ip addr show lo'), /127\.0\.0\.1/);
      assert.equal(inside('net', net, 'cat /proc/sys/net/ipv4/ip_forward').trim(), '1');
      assert.equal(readFileSync('/proc/self/mountinfo', 'utf8').match(new RegExp(folder, 'g'))?.length, 3);
    } finally {
      for (const path of [net, ipc, uts]) execFileSync('umount', [path]);
      for (const path of [net, ipc, uts]) rmSync(path);
    }
  });

  test('the exit code tells whether the kernel refused the value of a sysctl or has no such sysctl', () => {
    const net = join(folder, 'net');
    for (const setting of ['net.ipv4.ip_local_port_range=5 1', 'net.ipv4.ip_unprivileged_port_start=70000'])
      assert.throws(() => pin('--net', net, '--sysctl', setting), { status: 3 }, setting);
    assert.throws(() => pin('--net', net, '--sysctl', 'net.ipv4.no_such=1'), { status: 4 });
    assert.throws(() => pin('--net', net, '--uts', join(folder, 'missing', 'uts')), { status: 1 });
    assert.ok(!existsSync(net));
  });

  test('a failure leaves nothing and names the step', () => {
    const net = join(folder, 'net');
    const uts = join(folder, 'missing', 'uts');
    assert.throws(() => pin('--net', net, '--uts', uts), /make the file .*missing/);
    assert.throws(() => pin('--net', net, '--sysctl', 'net.ipv4.no_such=1'), /set the sysctl/);
    for (const name of ['../kernel.x=1', 'net/../../x=1', 'net;x=1', '/net=1', '=1', 'net.ipv4.ip_forward'])
      assert.throws(() => pin('--net', net, '--sysctl', name), /set the sysctl/);
    assert.throws(() => pin('--net', net, '--hostname', 'x'), /usage/);
    assert.ok(!existsSync(net));
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(folder));
  });
});
