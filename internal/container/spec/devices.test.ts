import assert from 'node:assert/strict';
import { test } from 'node:test';
import { devices } from './devices.ts';
import type { HostDevice, RequestedDevice } from './spec-input.ts';

const fuse: HostDevice = {
  path: '/dev/fuse',
  type: 'c',
  major: 10,
  minor: 229,
  fileMode: 0o666,
  uid: 0,
  gid: 0,
};
const request: RequestedDevice = {
  hostPath: '/dev/fuse',
  containerPath: '/dev/f',
  permissions: 'mr',
  nodes: [fuse],
};
const denyAll = { allow: false, access: 'rwm' };

test('devices: deny all, then what was asked for', () => {
  assert.deepEqual(devices({ requested: [request], hostDevices: undefined, owner: undefined }), {
    devices: [{ ...fuse, path: '/dev/f' }],
    rules: [denyAll, { allow: true, type: 'c', major: 10, minor: 229, access: 'rm' }],
  });
});

test('devices below a directory keep their places, and get the owner that was asked for', () => {
  const nodes = [{ ...fuse, path: '/dev/snd/by/a' }];
  const requested = [{ hostPath: '/dev/snd', containerPath: '/dev/audio', permissions: '', nodes }];
  assert.deepEqual(devices({ requested, hostDevices: undefined, owner: { uid: 7, gid: 8 } }), {
    devices: [{ ...fuse, path: '/dev/audio/by/a', uid: 7, gid: 8 }],
    rules: [denyAll, { allow: true, type: 'c', major: 10, minor: 229, access: 'rwm' }],
  });
});

test('devices of a privileged container: the host’s without what a container has of its own', () => {
  const hostDevices = [
    fuse,
    ...['/dev/console', '/dev/pts/1', '/dev/ptmx'].map((path) => ({ ...fuse, path })),
  ];
  assert.deepEqual(devices({ requested: [request], hostDevices, owner: undefined }), {
    devices: [fuse, { ...fuse, path: '/dev/f' }],
    rules: [{ allow: true, access: 'rwm' }],
  });
});

for (const [name, part] of [
  ['other permissions', { permissions: 'x' }],
  ['a path that is no device', { nodes: [] }],
  ['a relative container path', { containerPath: 'f' }],
] as const) {
  test(`devices refuses ${name}`, () => {
    const requested = [{ ...request, ...part }];
    assert.throws(() => devices({ requested, hostDevices: undefined, owner: undefined }), {
      kind: 'invalid-argument',
    });
  });
}
