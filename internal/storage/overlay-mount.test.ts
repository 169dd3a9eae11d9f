import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joined } from './overlay-mount.ts';

test('a label stands in quotes among the options of mount(2): its comma parts no options', () => {
  const options = [
    ['lowerdir', 'a:b'],
    ['context', 'u:object_r:t:s0:c1,c2'],
    ['volatile', undefined],
  ] as const;
  assert.equal(joined(options), 'lowerdir=a:b,context="u:object_r:t:s0:c1,c2",volatile');
});
