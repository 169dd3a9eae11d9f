import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostPortClaims } from './host-port-claims.ts';
import type { HostPortRequest, PortMapping } from './pod-network.ts';

function pod(name: string, ...portMappings: PortMapping[]): HostPortRequest {
  return { sandboxId: `id-${name}`, podName: name, podNamespace: 'shop', portMappings };
}

function port(hostPort: number, changes: Partial<PortMapping> = {}): PortMapping {
  return { protocol: 'tcp', containerPort: 80, hostPort, hostIp: '', ...changes };
}

test('a host port is claimed once, by protocol and address', () => {
  const free: readonly (readonly [PortMapping, PortMapping])[] = [
    [port(80), port(81)],
    [port(80), port(80, { protocol: 'udp' })],
    [port(80, { hostIp: '10.0.0.1' }), port(80, { hostIp: '10.0.0.2' })],
    [port(80, { hostIp: '0.0.0.0' }), port(80, { hostIp: '::' })],
    [port(0), port(0)],
  ];
  for (const [first, second] of free) {
    const claims = new HostPortClaims();
    claims.claim(pod('a', first));
    claims.claim(pod('b', second));
  }
  const taken: readonly (readonly [string, string])[] = [
    ['', ''],
    ['', '10.0.0.1'],
    ['10.0.0.1', ''],
    ['10.0.0.1', '0.0.0.0'],
    ['::', 'fd00::1'],
    ['fd00:0:0::1', 'FD00::0001'],
  ];
  for (const [first, second] of taken) {
    const claims = new HostPortClaims();
    claims.claim(pod('a', port(80, { hostIp: first })));
    assert.throws(() => claims.claim(pod('b', port(81), port(80, { hostIp: second }))), {
      kind: 'failed-precondition',
      message: /host port 80\/tcp.* for pod "shop\/b" is taken by pod "shop\/a" \(sandbox "id-a"\)/,
    });
    claims.claim(pod('c', port(81))); // nothing of the refused claim stays
    claims.release('id-a');
    claims.claim(pod('b', port(80, { hostIp: second })));
  }
});

test('a request that maps one host port to two ports is refused; one that says the same twice is not', () => {
  const claims = new HostPortClaims();
  const contradiction = pod('a', port(80), port(80, { containerPort: 81, hostIp: '10.0.0.1' }));
  assert.throws(() => claims.claim(contradiction), {
    kind: 'invalid-argument',
    message: 'pod "shop/a" maps host port 80/tcp of 10.0.0.1 to two ports, 80 and 81',
  });
  claims.claim(pod('a', port(80), port(80, { hostIp: '10.0.0.1' })));
  claims.claim(pod('a', port(80)));
});
