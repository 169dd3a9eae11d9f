import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSysctls, defaultSysctls, sysctlPath } from './sysctls.ts';

const own = { hostNetwork: false, hostIpc: false };

test('checkSysctls passes namespaced names in both spellings, and values with blanks', () => {
  assert.deepEqual(
    checkSysctls(
      {
        'kernel.shm_rmid_forced': '1',
        'fs.mqueue.msg_max': '100',
        'net/ipv4/conf/eth0.100/rp_filter': '0',
        'net.ipv4.tcp_rmem': '4096\t87380 6291456',
      },
      own,
    ),
    {
      'kernel.shm_rmid_forced': '1',
      'fs.mqueue.msg_max': '100',
      'net.ipv4.conf.eth0/100.rp_filter': '0',
      'net.ipv4.tcp_rmem': '4096\t87380 6291456',
    },
  );
  assert.equal(sysctlPath('net.ipv4.conf.eth0/100.rp_filter'), 'net/ipv4/conf/eth0.100/rp_filter');
});

for (const [name, value] of [
  ['kernel.core_pattern', '|/bin/sh'],
  ['vm.overcommit_memory', '1'],
  ['kernel.semantics', '1'],
  ['net..ipv4', '1'],
  ['net/../kernel/core_pattern', '1'],
  ['net.ipv4.x/../y', '1'],
  ['net.', '1'],
  ['net.ipv4.ip forward', '1'],
  ['net.ipv4.ip_forward\n', '1'],
  ['net.ipv4.ip_forward', '1+kernel.core_pattern=x'],
  ['net.ipv4.ip_forward', '1\nx'],
  ['net.ipv4.ip_forward', '1\0'],
] as const) {
  test(`checkSysctls refuses ${JSON.stringify(name)} = ${JSON.stringify(value)}`, () => {
    assert.throws(() => checkSysctls({ [name]: value }, own), { kind: 'invalid-argument' });
  });
}

test('checkSysctls refuses a name of a namespace shared with the host; the defaults leave it out', () => {
  const network = { 'net.ipv4.ping_group_range': '0 1' };
  const hostNetwork = { hostNetwork: true, hostIpc: false };
  assert.throws(() => checkSysctls(network, hostNetwork), { message: /uses the host's network namespace/ });
  assert.throws(() => checkSysctls({ 'kernel.sem': '1 2 3 4' }, { hostNetwork: false, hostIpc: true }));
  assert.deepEqual(defaultSysctls(network, hostNetwork), {});
  assert.deepEqual(defaultSysctls(network, own), network);
});
