import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDeviceText } from './device-text.ts';

const cases: readonly (readonly [string, readonly string[] | undefined])[] = [
  ['/dev/fuse', ['/dev/fuse', '/dev/fuse', 'rwm']],
  ['/dev/fuse:/dev/x', ['/dev/fuse', '/dev/x', 'rwm']],
  ['/dev/fuse:r', ['/dev/fuse', '/dev/fuse', 'r']],
  ['/dev/fuse:/dev/x:rw', ['/dev/fuse', '/dev/x', 'rw']],
  ['/dev/fuse::rw', ['/dev/fuse', '/dev/fuse', 'rw']],
  ['', undefined],
  ['dev/fuse', undefined],
  ['/dev/fuse:x', undefined],
  ['/dev/fuse:/dev/x:', undefined],
  ['/dev/fuse:/dev/x:rr', undefined],
  ['/dev/fuse:/dev/x:rw:more', undefined],
  ['/dev/../etc/x', undefined],
];

for (const [text, expected] of cases) {
  test(`parseDeviceText reads ${JSON.stringify(text)}`, () => {
    const found = parseDeviceText(text);
    assert.deepEqual(found && [found.hostPath, found.containerPath, found.permissions], expected);
  });
}
