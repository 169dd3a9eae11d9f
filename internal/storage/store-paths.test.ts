import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layerIdOf } from './layer-records.ts';
import { bigDataFileName, isStoreId } from './store-paths.ts';

test('bigDataFileName keeps plain keys and encodes the others', () => {
  assert.equal(bigDataFileName('manifest'), 'manifest');
  assert.equal(bigDataFileName('manifest-sha256:ab'), '=bWFuaWZlc3Qtc2hhMjU2OmFi');
  assert.equal(bigDataFileName('sha256:ad8a44b1'), '=c2hhMjU2OmFkOGE0NGIx');
  assert.equal(bigDataFileName('..'), '=Li4=');
  assert.throws(() => bigDataFileName('???'), /has no file name/);
});

test('isStoreId takes 64 hex digits only', () => {
  assert.ok(isStoreId('0a'.repeat(32)));
  for (const bad of ['', 'a'.repeat(63), 'A'.repeat(64), `${'a'.repeat(63)}/`, '../'.repeat(21)]) {
    assert.ok(!isStoreId(bad));
  }
});

test('layerIdOf is the digest for a base layer and hashes parent and digest with a plus for others', () => {
  const digest = `sha256:${'11'.repeat(32)}` as const;
  assert.equal(layerIdOf(undefined, digest), '11'.repeat(32));
  // printf "22…22+11…11" | sha256sum
  assert.equal(
    layerIdOf('22'.repeat(32), digest),
    'f96bff259f5c549cf4099c074978558b77c947c79ac0be17b2c5c1c2fc07abba',
  );
});
