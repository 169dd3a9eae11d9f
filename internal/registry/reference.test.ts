import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeReference, formatReference, parseReference } from './reference.ts';

const hex = 'a'.repeat(64);
const digest = `sha256:${hex}`;

test('parseReference splits by the distribution grammar', () => {
  const cases: [string, string | undefined, string, string | undefined, string | undefined][] = [
    ['busybox', undefined, 'busybox', undefined, undefined],
    ['busybox:1.36', undefined, 'busybox', '1.36', undefined],
    ['library/busybox', undefined, 'library/busybox', undefined, undefined],
    ['docker.io/busybox', 'docker.io', 'busybox', undefined, undefined],
    ['localhost/a', 'localhost', 'a', undefined, undefined],
    ['localhost:5000/a:v1', 'localhost:5000', 'a', 'v1', undefined],
    ['test.com:8080/a/b/c', 'test.com:8080', 'a/b/c', undefined, undefined],
    ['[2001:db8::1]:5000/a:v1', '[2001:db8::1]:5000', 'a', 'v1', undefined],
    ['UPPER/a', 'UPPER', 'a', undefined, undefined],
    [`r.io/a@${digest}`, 'r.io', 'a', undefined, digest],
    [`r.io/a:v1@${digest}`, 'r.io', 'a', 'v1', digest],
    ['r.io/a__b/c-d.e---f', 'r.io', 'a__b/c-d.e---f', undefined, undefined],
    ['a_b:c_D.-x', undefined, 'a_b', 'c_D.-x', undefined],
    ['xn--n3h.com/a', 'xn--n3h.com', 'a', undefined, undefined],
  ];
  for (const [text, host, path, tag, found] of cases) {
    assert.deepEqual(parseReference(text), { host, path, tag, digest: found }, text);
  }
});

test('parseReference refuses what is no reference', () => {
  const wrong = [
    '',
    ':v1',
    '@',
    'a:',
    'a@',
    '/a',
    'a/',
    'a//b',
    'A',
    'r.io/A',
    'r.io/a___b',
    'r.io/-a',
    'r.io/a-',
    'r.io/a..b',
    'r.io:port/a',
    '-r.io/a',
    'r.io/a:-v',
    `r.io/a:${'t'.repeat(129)}`,
    `r.io/${'a'.repeat(256)}`,
    'r.io/a@sha256:abc',
    `r.io/a@sha256:${'A'.repeat(64)}`,
    `r.io/a@sha512:${'a'.repeat(128)}`,
    `r.io/a@${digest}@${digest}`,
    hex,
    'https://r.io/a',
    'r.io/a b',
    'r.io/a\n',
    'r.io/../a',
    'user:pass@r.io/a',
  ];
  for (const text of wrong) assert.equal(parseReference(text), undefined, JSON.stringify(text));
});

test('completeReference fills in latest and library', () => {
  const full = (text: string, host: string): string => {
    const written = parseReference(text);
    assert.ok(written);
    return formatReference(completeReference(written, host));
  };
  assert.equal(full('busybox', 'docker.io'), 'docker.io/library/busybox:latest');
  assert.equal(full('busybox', 'index.docker.io'), 'docker.io/library/busybox:latest');
  assert.equal(full('a/busybox:v1', 'docker.io'), 'docker.io/a/busybox:v1');
  assert.equal(full('busybox', 'quay.io'), 'quay.io/busybox:latest');
  assert.equal(full(`busybox:v1@${digest}`, 'quay.io'), `quay.io/busybox@${digest}`);
});
