import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeReference, parseReference, type Reference } from '../registry/reference.ts';
import { parsePolicy } from './policy-document.ts';
import { referenceScopes, requirementsFor } from './policy-scopes.ts';

const digest = `sha256:${'a'.repeat(64)}`;

function reference(text: string): Reference {
  const written = parseReference(text);
  assert.ok(written?.host);
  return completeReference(written, written.host);
}

/** A policy whose scopes are told apart by a key path that repeats them. */
function policyOf(...scopes: readonly string[]): ReturnType<typeof parsePolicy> {
  const marked = (scope: string): object => [{ type: 'signedBy', keyType: 'GPGKeys', keyPath: `/${scope}` }];
  return parsePolicy(
    Buffer.from(
      JSON.stringify({
        default: marked('default'),
        transports: { docker: Object.fromEntries(scopes.map((scope) => [scope, marked(scope)])) },
      }),
    ),
  );
}

const cases: readonly (readonly [image: string, scopes: readonly string[], winner: string])[] = [
  ['r.io/a/b:1', ['r.io', 'r.io/a', 'r.io/a/b', 'r.io/a/b:1'], 'r.io/a/b:1'],
  ['r.io/a/b:1', ['r.io', 'r.io/a', 'r.io/a/b', 'r.io/a/b:2'], 'r.io/a/b'],
  ['r.io/a/b:1', ['*.io', 'r.io', 'r.io/a'], 'r.io/a'],
  [`r.io/a/b@${digest}`, ['r.io', `r.io/a/b@${digest}`], `r.io/a/b@${digest}`],
  ['r.io/ab:1', ['r.io/a', 'r.io'], 'r.io'],
  ['x.y.r.io/a:1', ['*.r.io', '*.io'], '*.r.io'],
  ['x.y.r.io/a:1', ['*.y.r.io', '*.r.io'], '*.y.r.io'],
  ['x.r.io:5000/a:1', ['*.r.io'], '*.r.io'],
  ['x.r.io:5000/a:1', ['x.r.io', 'x.r.io:5000'], 'x.r.io:5000'],
  ['x.r.io:5000/a:1', ['x.r.io', ''], ''],
  ['r.io/a:1', ['*.r.io'], 'default'],
  ['docker.io/busybox:1', ['docker.io/library'], 'docker.io/library'],
  ['r.io/a:1', ['other.io'], 'default'],
];

for (const [image, scopes, winner] of cases) {
  test(`of ${JSON.stringify(scopes)} ${JSON.stringify(winner)} is for ${image}`, () => {
    const place = { transport: 'docker', reference: reference(image) } as const;
    const [requirement] = requirementsFor(policyOf(...scopes), place);
    assert.ok(requirement?.type === 'signedBy');
    assert.deepEqual(requirement.keys.paths, [`/${winner}`]);
  });
}

test('archives go by their path, docker archives by their transport alone', () => {
  const reject = [{ type: 'reject' }];
  const transports = { 'oci-archive': { '/srv/images': reject }, 'docker-archive': { '/srv': reject } };
  const policy = parsePolicy(
    Buffer.from(JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }], transports })),
  );
  const typeFor = (transport: 'oci-archive' | 'docker-archive', path: string): string | undefined =>
    requirementsFor(policy, { transport, path })[0]?.type;
  assert.equal(typeFor('oci-archive', '/srv/images/a.tar'), 'reject');
  assert.equal(typeFor('oci-archive', '/srv/images-2/a.tar'), 'insecureAcceptAnything');
  assert.equal(typeFor('docker-archive', '/srv/a.tar'), 'insecureAcceptAnything');
});

test('a reference has its scopes from the most to the least specific', () => {
  assert.deepEqual(referenceScopes(reference('a.b.io:1/x/y:t')), [
    'a.b.io:1/x/y:t',
    'a.b.io:1/x/y',
    'a.b.io:1/x',
    'a.b.io:1',
    '*.b.io',
    '*.io',
  ]);
});
