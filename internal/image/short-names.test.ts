import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noShortNames } from '../../test/fakes/registry-client.ts';
import { formatReference, requireReference } from '../registry/reference.ts';
import type { ShortNames } from '../registry/registry.ts';
import { pullCandidatesOf, type ShortNameMode } from './short-names.ts';

function pulls(text: string, registries: readonly string[], mode: ShortNameMode = 'disabled'): string[] {
  const aliases: Readonly<Record<string, string>> = { nginx: 'mirror.example/web/nginx' };
  const names: ShortNames = {
    ...noShortNames,
    alias: (name) => aliases[name],
    searchRegistries: () => registries,
  };
  return pullCandidatesOf(requireReference(text), names, mode).map(formatReference);
}

test('a full name is only itself', () => {
  assert.deepEqual(pulls('r.io/a', ['x.io']), ['r.io/a:latest']);
});

test('a short name is looked for in each search registry in order', () => {
  const found = pulls('busybox:1', ['docker.io', 'quay.io/team']);
  assert.deepEqual(found, ['docker.io/library/busybox:1', 'quay.io/team/busybox:1']);
});

test('an alias wins over the search registries and keeps the tag', () => {
  assert.deepEqual(pulls('nginx:1.27', ['docker.io', 'quay.io'], 'enforcing'), [
    'mirror.example/web/nginx:1.27',
  ]);
});

test('a short name of several registries is refused when enforcing', () => {
  assert.throws(() => pulls('busybox', ['a.io', 'b.io'], 'enforcing'), /ambiguous \(a\.io, b\.io\)/);
  assert.deepEqual(pulls('busybox', ['a.io'], 'enforcing'), ['a.io/busybox:latest']);
});

test('a short name without any registry is refused with the way out', () => {
  assert.throws(() => pulls('busybox', []), /unqualified-search-registries/);
});
