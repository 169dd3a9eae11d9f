import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFeatures } from './probe-runtime.ts';

test('features are what the document says, not what a version may have', () => {
  const linux = {
    namespaces: ['mount', 'user'],
    mountExtensions: { idmap: { enabled: true } },
    netDevices: { enabled: true },
  };
  assert.deepEqual(parseFeatures({ mountOptions: ['ro', 'rro'], linux }), {
    recursiveReadOnlyMounts: true,
    idmapMounts: true,
    netDevices: true,
    userNamespaces: true,
  });
  assert.deepEqual(parseFeatures({ mountOptions: ['ro'], linux: { namespaces: ['mount'] } }), {
    recursiveReadOnlyMounts: false,
    idmapMounts: false,
    netDevices: false,
    userNamespaces: false,
  });
});

test('a runtime that does not tell has user namespaces, which the specification demands, and nothing else', () => {
  for (const document of [undefined, 'text', {}, { linux: {} }]) {
    assert.deepEqual(parseFeatures(document), {
      recursiveReadOnlyMounts: false,
      idmapMounts: false,
      netDevices: false,
      userNamespaces: true,
    });
  }
});
