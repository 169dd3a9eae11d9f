import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pinnedBy } from './pinned-images.ts';

test('pinnedBy knows exact names, prefixes and keywords in any case', () => {
  const cases: [string, string, boolean][] = [
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10', true],
    ['registry.k8s.io/Pause:3.10', 'registry.k8s.io/pause:3.10', true],
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.1', false],
    ['registry.k8s.io/pause', 'registry.k8s.io/pause:latest', true],
    ['quay.io/team/*', 'quay.io/team/a:v1', true],
    ['quay.io/team/*', 'x.io/quay.io/team/a:v1', false],
    ['*OpenShift*', 'quay.io/openshift/x:v1', true],
    ['*pause', 'a.io/pause', false],
    ['', 'a.io/pause:v1', false],
  ];
  for (const [pattern, name, pinned] of cases) {
    assert.equal(pinnedBy([pattern])([name]), pinned, `${pattern} ${name}`);
  }
});
