import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isInwardHost, refusalOf } from './address-guard.ts';

test('isInwardHost knows loopback and link-local addresses in every form', () => {
  const inward = [
    'localhost',
    'a.localhost',
    '127.0.0.1',
    '127.9.9.9',
    '169.254.169.254',
    '[::1]',
    '[fe80::1]',
    '0.0.0.0',
    'localhost.',
    'a.localhost.',
    '[::ffff:127.0.0.1]',
    '[::ffff:169.254.169.254]',
  ];
  for (const host of inward) assert.equal(isInwardHost(host), true, host);
  for (const host of ['example.com', '10.0.0.1', '128.0.0.1', '[2001:db8::1]']) {
    assert.equal(isInwardHost(host), false, host);
  }
});

test('refusalOf lets nobody be led to this node or away from TLS', () => {
  const refusal = (target: string, from: string): string | undefined =>
    refusalOf(new URL(target), { url: new URL(from), insecure: from.includes('insecure') });
  assert.equal(refusal('https://auth.example/t', 'https://r.example/'), undefined);
  assert.equal(refusal('http://auth.example/t', 'http://r.example/'), undefined);
  assert.match(refusal('http://auth.example/t', 'https://r.example/') ?? '', /without TLS/);
  assert.equal(refusal('http://auth.example/t', 'https://insecure.example/'), undefined);
  assert.match(refusal('https://169.254.169.254/', 'https://r.example/') ?? '', /of this node/);
  assert.match(refusal('http://2130706433/', 'http://r.example/') ?? '', /of this node/);
  assert.match(refusal('file:///etc/passwd', 'http://r.example/') ?? '', /not http/);
  assert.equal(refusal('http://127.0.0.1:5001/t', 'http://localhost:5000/'), undefined);
});
