import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostPortRules, type MappedPod, unreachablePorts } from './host-port-rules.ts';
import type { PortMapping } from './pod-network.ts';

function pod(prefixes: readonly string[], ...portMappings: PortMapping[]): MappedPod {
  return { sandboxId: 'abcdef', podName: 'web', podNamespace: 'shop', portMappings, prefixes };
}

const tcp: PortMapping = { protocol: 'tcp', containerPort: 80, hostPort: 8080, hostIp: '' };
const dual = ['10.1.2.3/24', 'fd00::3/64'];

function destinations(...pods: MappedPod[]): string[] {
  const rules = hostPortRules('t', pods, []).split('\n');
  return rules.flatMap((line) => (line.includes(' dnat ') ? [line.trim().split(' comment')[0] ?? ''] : []));
}

test('without pods the table goes', () => {
  assert.equal(hostPortRules('t', [], ['br0']), 'add table inet t\ndelete table inet t\n');
});

test('each family of the pod gets its rule, unless the host address is of the other', () => {
  assert.deepEqual(destinations(pod(dual, tcp)), [
    'meta nfproto ipv4 tcp dport 8080 dnat ip to 10.1.2.3:80',
    'meta nfproto ipv6 tcp dport 8080 dnat ip6 to [fd00::3]:80',
  ]);
  const of = (hostIp: string) => destinations(pod(dual, { ...tcp, protocol: 'sctp', hostIp }));
  assert.deepEqual(of('0.0.0.0'), ['meta nfproto ipv4 sctp dport 8080 dnat ip to 10.1.2.3:80']);
  assert.deepEqual(of('::'), ['meta nfproto ipv6 sctp dport 8080 dnat ip6 to [fd00::3]:80']);
  assert.deepEqual(of('192.0.2.1'), ['ip daddr 192.0.2.1 sctp dport 8080 dnat ip to 10.1.2.3:80']);
  assert.deepEqual(of('2001:DB8:0::1'), ['ip6 daddr 2001:db8::1 sctp dport 8080 dnat ip6 to [fd00::3]:80']);
});

test('a mapping of a family that the pod lacks has no rule, and is named', () => {
  const mapping = { ...tcp, hostIp: '::1' };
  const onlyFour = pod(['10.1.2.3/24'], tcp, mapping);
  assert.equal(destinations(onlyFour).length, 1);
  assert.deepEqual(unreachablePorts(onlyFour), [mapping]);
});

test('neighbours are kept from the loopback addresses of interfaces that we have opened', () => {
  assert.doesNotMatch(hostPortRules('t', [pod(dual, tcp)], []), /drop/);
  assert.match(
    hostPortRules('t', [pod(dual, tcp)], ['br0', 'eth1']),
    /priority -300;\n *iifname \{ "br0", "eth1" \} ip daddr 127\.0\.0\.0\/8 drop/,
  );
});
