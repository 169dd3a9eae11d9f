// The images that the tests and the quickstart run, made from programs of this machine: a static busybox, and nginx
// from the distribution's package with the shared libraries it needs.

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type ImageSource, type WrittenImage, writeOciLayout } from './oci-layout.ts';

const accounts = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\n',
  'etc/group': 'root:x:0:\nwww-data:x:33:\n',
};

/** A foreground nginx that serves one page on port 80 and logs to its stdout and stderr. */
const nginxConfig = `user www-data;
daemon off;
worker_processes 1;
pid /run/nginx.pid;
error_log stderr notice;
events { worker_connections 64; }
http {
  access_log /dev/stdout;
  server { listen 80; root /var/www; }
}
`;

function writeFiles(rootfs: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(rootfs, path)), { recursive: true });
    writeFileSync(join(rootfs, path), content);
  }
}

function makeDirectories(rootfs: string, paths: readonly string[]): void {
  for (const path of paths) mkdirSync(join(rootfs, path), { recursive: true });
}

function copyInto(rootfs: string, path: string): void {
  mkdirSync(dirname(join(rootfs, path)), { recursive: true });
  copyFileSync(path, join(rootfs, path));
}

/** The first busybox of this machine that is a static program; undefined when there is none. */
export function findStaticBusybox(): string | undefined {
  const isStatic = (path: string) => spawnSync('ldd', [path]).status !== 0;
  return ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path) && isStatic(path));
}

function writeBusybox(rootfs: string, busybox: string): void {
  makeDirectories(rootfs, ['bin', 'etc', 'proc', 'root', 'sys', 'tmp', 'var']);
  copyFileSync(busybox, join(rootfs, 'bin/busybox'));
  const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).split('\n');
  for (const applet of applets) {
    if (applet !== '' && applet !== 'busybox') symlinkSync('busybox', join(rootfs, 'bin', applet));
  }
  writeFiles(rootfs, accounts);
}

/** The files that `ldd` names: libraries and the loader, by the paths the program looks for. */
export function sharedLibraries(program: string): string[] {
  const listing = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...listing.matchAll(/(?:=>\s+)?(\/\S+)\s+\(0x/g)].map(([, path]) => path ?? '');
}

function writeNginx(rootfs: string): void {
  const program = '/usr/sbin/nginx';
  for (const path of [program, ...sharedLibraries(program)]) copyInto(rootfs, path);
  makeDirectories(rootfs, ['proc', 'run', 'sys', 'tmp', 'var/lib/nginx', 'var/log/nginx']);
  writeFiles(rootfs, {
    ...accounts,
    'etc/nginx/nginx.conf': nginxConfig,
    'var/www/index.html': 'served by a pod\n',
  });
}

function build(
  layout: string,
  fill: (rootfs: string) => void,
  rest: Omit<ImageSource, 'layers'>,
): WrittenImage {
  const rootfs = mkdtempSync(join(tmpdir(), 'cria-rootfs-'));
  chmodSync(rootfs, 0o755); // it becomes the mode of the container's root directory
  try {
    fill(rootfs);
    return writeOciLayout(layout, { ...rest, layers: [rootfs] });
  } finally {
    rmSync(rootfs, { recursive: true });
  }
}

const path = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'];

/** Writes a busybox image as an OCI layout. */
export function buildBusyboxImage(
  layout: string,
  name: string,
  busybox: string,
  command: readonly string[] = ['sh'],
): WrittenImage {
  return build(layout, (rootfs) => writeBusybox(rootfs, busybox), {
    name,
    config: { Cmd: command, Env: path },
  });
}

/** Writes a busybox image whose root file system `change` has changed, as an OCI layout. */
export function buildChangedBusybox(
  layout: string,
  image: Omit<ImageSource, 'layers'>,
  change: (rootfs: string) => void,
): WrittenImage {
  const busybox = findStaticBusybox() ?? '';
  const fill = (rootfs: string) => {
    writeBusybox(rootfs, busybox);
    change(rootfs);
  };
  return build(layout, fill, { ...image, config: { Cmd: ['sh'], Env: path, ...image.config } });
}

/** Writes an nginx image with a shell beside it for exec, as an OCI layout. */
export function buildNginxImage(layout: string, name: string, busybox: string): WrittenImage {
  const fill = (rootfs: string) => {
    writeBusybox(rootfs, busybox);
    writeNginx(rootfs);
  };
  return build(layout, fill, {
    name,
    config: { Cmd: ['/usr/sbin/nginx'], Env: path, StopSignal: 'SIGQUIT' },
  });
}
