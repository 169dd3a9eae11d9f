import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeReference, parseReference, type Reference } from '../registry/reference.ts';
import { type IdentityMatch, matchesIdentity } from './identity-match.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const other = `sha256:${'b'.repeat(64)}`;

function reference(text: string): Reference {
  const written = parseReference(text);
  assert.ok(written?.host);
  return completeReference(written, written.host);
}

const exact: IdentityMatch = { type: 'matchExact' };
const byDefault: IdentityMatch = { type: 'matchRepoDigestOrExact' };
const repository: IdentityMatch = { type: 'matchRepository' };
const one: IdentityMatch = { type: 'exactReference', dockerReference: 'up.io/a:1' };
const oneRepository: IdentityMatch = { type: 'exactRepository', dockerRepository: 'up.io/a' };
const remap: IdentityMatch = { type: 'remapIdentity', prefix: 'r.io/mirror', signedPrefix: 'up.io' };

const cases: readonly (readonly [match: IdentityMatch, intended: string, signed: string, isGood: boolean])[] =
  [
    [exact, 'r.io/a:1', 'r.io/a:1', true],
    [exact, 'r.io/a:1', 'r.io/a:2', false],
    [exact, 'r.io/a:1', 'r.io/a', false],
    [exact, `r.io/a@${digest}`, 'r.io/a:1', false],
    [exact, `r.io/a@${digest}`, `r.io/a@${digest}`, true],
    [byDefault, 'r.io/a:1', 'r.io/a:1', true],
    [byDefault, 'r.io/a:1', 'r.io/a:2', false],
    [byDefault, `r.io/a@${digest}`, 'r.io/a:2', true],
    [byDefault, `r.io/a@${digest}`, `r.io/a@${other}`, true],
    [byDefault, `r.io/a@${digest}`, 'r.io/b:1', false],
    [byDefault, `r.io/a@${digest}`, 'r.io/a', false],
    [repository, 'r.io/a:1', 'r.io/a:2', true],
    [repository, 'r.io/a:1', 'r.io/a', true],
    [repository, 'r.io/a:1', 'r.io/a/b:1', false],
    [repository, 'docker.io/library/busybox:1', 'busybox', true],
    [one, 'r.io/x:9', 'up.io/a:1', true],
    [one, 'r.io/x:9', 'up.io/a:2', false],
    [oneRepository, 'r.io/x:9', 'up.io/a:2', true],
    [oneRepository, 'r.io/x:9', 'up.io/b:2', false],
    [remap, 'r.io/mirror/a:1', 'up.io/a:1', true],
    [remap, 'r.io/mirror/a:1', 'r.io/mirror/a:1', false],
    [remap, 'r.io/mirrored/a:1', 'r.io/mirrored/a:1', true],
    [remap, 'r.io/mirrored/a:1', 'up.ioed/a:1', false],
    [repository, 'r.io/a:1', 'no such Name', false],
  ];

for (const [match, intended, signed, isGood] of cases) {
  test(`${match.type}: ${signed} is ${isGood ? '' : 'not '}good for ${intended}`, () => {
    assert.equal(matchesIdentity(match, reference(intended), signed), isGood);
  });
}
