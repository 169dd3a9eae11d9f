// The bundle of a container for monitor tests: a root filesystem of busybox and a plain specification.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

export const busybox = '/bin/busybox';
export const cgroupParent = `/cria-test-${process.pid}`;

/** Below `root`; gives its path. */
export function makeRootfs(root: string): string {
  const rootfs = join(root, 'rootfs');
  for (const folder of ['bin', 'proc', 'dev', 'tmp', 'sys'])
    mkdirSync(join(rootfs, folder), { recursive: true });
  copyFileSync(busybox, join(rootfs, 'bin/busybox'));
  const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const applet of applets) if (applet !== 'busybox') symlinkSync('busybox', join(rootfs, 'bin', applet));
  return rootfs;
}

export function spec(
  rootfs: string,
  id: string,
  argv: readonly string[],
  process: object,
  linux: object,
): object {
  return {
    ociVersion: '1.0.2',
    process: {
      user: { uid: 0, gid: 0 },
      args: argv,
      env: ['PATH=/bin'],
      cwd: '/',
      noNewPrivileges: true,
      ...process,
    },
    root: { path: rootfs, readonly: true },
    hostname: 'test',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['newinstance', 'ptmxmode=0666'],
      },
      { destination: '/tmp', type: 'tmpfs', source: 'tmpfs' },
    ],
    linux: {
      cgroupsPath: `${cgroupParent}/${id}`,
      namespaces: ['pid', 'ipc', 'uts', 'mount', 'network'].map((type) => ({ type })),
      ...linux,
    },
  };
}
