import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNetDev } from './net-dev.ts';

test('parseNetDev reads the counters of all interfaces but lo', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0:18446744073709551615 2 3 0 0 0 0 0 5 6 7 0 0 0 0 0
`;
  assert.deepEqual(parseNetDev(text), [
    { name: 'eth0', rxBytes: 18446744073709551615n, rxErrors: 3n, txBytes: 5n, txErrors: 7n },
  ]);
});
