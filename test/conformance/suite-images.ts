// The images that critest pulls, made of programs of this machine under the names that are written in it. A registry of
// ours stands in for the public ones: the daemon finds it as their mirror in registries.conf.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { sharedLibraries } from '../harness/images.ts';
import { LayerTree } from './layer-tree.ts';
import { architecture, type SuiteImage } from './push-image.ts';

export interface ImagePrograms {
  /** A static busybox with brctl, ipcs, netstat, pgrep and httpd whose shell runs programs by their files. */
  readonly busybox: string;
  /** Waits for a signal; the product's own. */
  readonly pause: string;
  /** Says which effective user it has. */
  readonly effectiveUser: string;
}

/** Of the image whose digest is written into critest. */
export const digestImage = 'k8s-staging-cri-tools/test-image-digest:latest';

const servedRegistries = ['registry.k8s.io', 'k8s.gcr.io', 'gcr.io', 'docker.io', 'quay.io'];

/** registries.conf that leads every public name of the suite to `host` alone. */
export function mirrorsConf(host: string): string {
  const registry = (name: string) => `
[[registry]]
location = "${name}"
[[registry.mirror]]
location = "${host}"
insecure = true
`;
  return `unqualified-search-registries = []\n${servedRegistries.map(registry).join('')}`;
}

const passwd = [
  'root:x:0:0:root:/root:/bin/sh',
  'www-data:x:33:33:www-data:/var/www:/bin/false',
  'nobody:x:65534:65534:nobody:/home:/bin/false',
];
const group = ['root:x:0:', 'www-data:x:33:', 'nobody:x:65534:'];

function lines(...text: readonly string[]): string {
  return `${text.join('\n')}\n`;
}

/** A small root file system: programs as links to busybox, accounts, and the directories that specs write to. */
function busyboxLayer(busybox: string): Buffer {
  const tree = new LayerTree().copy('bin/busybox', busybox);
  const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const applet of applets) if (applet !== 'busybox') tree.hardLink(`bin/${applet}`, 'bin/busybox');
  tree.file('etc/passwd', lines(...passwd)).file('etc/group', lines(...group));
  tree.directory('root', 0o700).directory('tmp', 0o1777).directory('var/tmp', 0o1777);
  for (const name of ['dev', 'proc', 'sys', 'run', 'home', 'usr/bin', 'var/www']) tree.directory(name);
  return tree.tar();
}

/** Debian's nginx with its libraries. */
function nginxLayer(): Buffer {
  const program = '/usr/sbin/nginx';
  const tree = new LayerTree();
  for (const file of [program, ...sharedLibraries(program)]) tree.copy(file.slice(1), file);
  for (const name of ['lib', 'log', 'lock']) tree.directory(join('var', name, 'nginx'));
  tree.file('usr/share/nginx/html/index.html', '<!DOCTYPE html><title>nginx</title><h1>It is served</h1>\n');
  return tree.symlink('var/run', '../run').tar();
}

function nginxSettings(port: number): Buffer {
  const text = `user www-data;
worker_processes 1;
pid /var/run/nginx.pid;
error_log stderr;
events { worker_connections 64; }
http {
  access_log /dev/stdout;
  default_type text/html;
  server { listen ${port}; root /usr/share/nginx/html; }
}
`;
  return new LayerTree().file('etc/nginx/nginx.conf', text).tar();
}

/** Logs its own name before it serves, as a spec wants to read it. */
function httpdLayer(): Buffer {
  const script = lines('#!/bin/sh', 'echo "httpd serves /srv" >&2', 'exec httpd -f -p 80 -h /srv');
  return new LayerTree().file('srv/index.html', 'It works\n').file('bin/serve', script, 0o755).tar();
}

/** The account of the image is in a group of the image. */
function groupLayer(): Buffer {
  const accounts = lines(...passwd, 'default-user:x:1000:1000:someone:/home/default-user:/bin/sh');
  const groups = lines(...group, 'default-user:x:1000:', 'group-defined-in-image:x:50000:default-user');
  return new LayerTree().file('etc/passwd', accounts).file('etc/group', groups).tar();
}

const env = { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'] };
const shell = { ...env, Cmd: ['sh'] };
const nginx = { ...env, Cmd: ['nginx', '-g', 'daemon off;'], StopSignal: 'SIGQUIT' };
const e2e = (name: string): string => `e2e-test-images/${name}`;
const staging = (name: string): string => `k8s-staging-cri-tools/${name}`;

/** Pods and servers. */
function servers(base: Buffer, { pause, effectiveUser }: ImagePrograms): SuiteImage[] {
  const pauseLayer = new LayerTree().copy('pause', pause).tar();
  const wait = { ...env, User: '65535:65535', Entrypoint: ['/pause'], WorkingDir: '/' };
  const setuid = new LayerTree().file('nnp', execFileSync('cat', [effectiveUser]), 0o4755).tar();
  const web = nginxLayer();
  const hostWeb = staging(`hostnet-nginx-${architecture}:latest`);
  return [
    { names: [e2e('busybox:1.29-2')], layers: [base], config: shell },
    // A spec removes this one: it must be no image that a daemon itself needs.
    { names: ['pause:3.9'], layers: [pauseLayer], config: { ...wait, Labels: { version: '3.9' } } },
    {
      names: [e2e('nonewprivs:1.3')],
      layers: [base, setuid],
      config: { ...env, Entrypoint: ['/nnp'] },
      form: 'oci',
    },
    {
      names: [e2e('httpd:2.4.39-4')],
      layers: [base, httpdLayer()],
      config: { ...env, Cmd: ['serve'], ExposedPorts: { '80/tcp': {} } },
      form: 'oci-zstd',
    },
    { names: [e2e('nginx:1.14-2')], layers: [base, web, nginxSettings(80)], config: nginx },
    { names: [hostWeb], layers: [base, web, nginxSettings(12_003)], config: nginx, form: 'oci-zstd' },
  ];
}

/** What the specs of the image service pull, list and remove. */
function names(base: Buffer): SuiteImage[] {
  const marked = (file: string): Buffer[] => [base, new LayerTree().file(file, '').tar()];
  const users = {
    uid: '1002',
    username: 'www-data',
    'uid-group': '1003:1004',
    'username-group': 'www-data:1004',
  };
  return [
    ...['1', '2', '3', 'latest'].map((name) => ({
      names: [staging(`test-image-${name}:latest`)],
      layers: marked(name),
      config: shell,
    })),
    ...['test', 'all'].map((tag) => ({
      names: [staging(`test-image-tag:${tag}`)],
      layers: marked(tag),
      config: shell,
    })),
    {
      names: ['1', '2', '3'].map((tag) => staging(`test-image-tags:${tag}`)),
      layers: marked('tags'),
      config: shell,
    },
    ...Object.entries(users).map(([name, User]) => ({
      names: [staging(`test-image-user-${name}:latest`)],
      layers: [base],
      config: { ...shell, User },
      form: 'oci' as const,
    })),
    {
      names: [staging('test-image-predefined-group:latest')],
      layers: [base, groupLayer()],
      config: { ...shell, User: '1000' },
      form: 'oci-zstd',
    },
    { names: [digestImage], layers: marked('digest'), config: shell, isSingle: true },
  ];
}

export function suiteImages(programs: ImagePrograms): SuiteImage[] {
  const base = busyboxLayer(programs.busybox);
  return [...servers(base, programs), ...names(base)];
}
