import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storageOptions } from './storage-options.ts';

test('storage options are understood with any prefix; the last value of one counts', () => {
  const options = storageOptions([
    'overlay.mountopt=nodev',
    '.mountopt=nodev,nosuid',
    'overlay.imagestore=/a',
    'additionalimagestore=/b,/a',
    'transient_store=true',
    'root-auto-userns-user=pods',
    'overlay.skip_mount_home=true',
    'overlay.ignore_chown_errors=false',
  ]);
  assert.deepEqual(options, {
    additionalStores: ['/a', '/b'],
    mountOptions: 'nodev,nosuid',
    transient: true,
    autoUserNamespaceUser: 'pods',
    warnings: [],
  });
});

test('a storage option that has no effect is told by its key', () => {
  const list = [
    'overlay.size=10G',
    'overlay.mount_program=/usr/bin/fuse-overlayfs',
    'vfs.x=1',
    'overlay.imagestore=rel',
  ];
  const told = storageOptions([...list, 'overlay.ignore_chown_errors=true']).warnings;
  assert.deepEqual(
    told.map(({ key }) => key),
    ['overlay.size', 'overlay.mount_program', 'vfs.x', 'overlay.imagestore', 'overlay.ignore_chown_errors'],
  );
  assert.match(told[0]?.reason ?? '', /no quotas/);
});
