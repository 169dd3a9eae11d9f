import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressesOf } from './cni-result.ts';

test('addressesOf reads results of 0.2.0', () => {
  const result = {
    cniVersion: '0.2.0',
    ip6: { ip: 'fd00::5/64' },
    ip4: { ip: '10.0.0.5/24', gateway: '10.0.0.1' },
  };
  assert.deepEqual(addressesOf(result), ['10.0.0.5', 'fd00::5']);
});

test('addressesOf reads results from 0.3.0 in their order', () => {
  const ips = [
    { version: '6', address: 'fd00::5/64' },
    { version: '4', address: '10.0.0.5/24' },
    { address: 'fd00::5/64' },
  ];
  assert.deepEqual(addressesOf({ cniVersion: '0.3.1', ips }), ['fd00::5', '10.0.0.5']);
});

test('addressesOf leaves out addresses of interfaces on the host', () => {
  const interfaces = [
    { name: 'br0' },
    { name: 'veth1', sandbox: '' },
    { name: 'eth0', sandbox: '/run/netns/x' },
  ];
  const ips = [
    { interface: 0, address: '10.0.0.1/24' },
    { interface: 1, address: '10.0.0.2/24' },
    { interface: 2, address: '10.0.0.3/24' },
    { address: '10.0.0.4/24' },
    { interface: 9, address: '10.0.0.5/24' },
  ];
  assert.deepEqual(addressesOf({ interfaces, ips }), ['10.0.0.3', '10.0.0.4', '10.0.0.5']);
});

test('addressesOf of a result without addresses is empty', () => {
  assert.deepEqual(addressesOf({ cniVersion: '1.0.0' }), []);
});

test('addressesOf refuses what is not an address', () => {
  for (const ips of [[{ address: 'eth0' }], [{}], [null], [{ address: 7 }]])
    assert.throws(() => addressesOf({ ips }), /is not an address/);
});
