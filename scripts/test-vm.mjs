// Runs what a machine of containers lacks in a virtual one: Debian 12 with systemd on cgroup v2 alone, Linux 6.1.
//   node scripts/test-vm.mjs [TEST-FILE-PATTERN...]
// Needs root, Debian or Ubuntu, and network at its first run: it installs qemu-system-x86 and mmdebstrap where they are
// missing, and makes the root file system with the packages below, which it keeps in dist/vm. The machine is emulated: KVM
// is not needed, and not used, because a nested one may hang without a word. Takes some minutes.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = `${root}dist/vm`;
const packages = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'udev',
  'kmod',
  'procps',
  'linux-image-amd64',
  'libstdc++6',
];
packages.push('runc', 'crun', 'iptables', 'iproute2', 'busybox-static', 'containernetworking-plugins');
packages.push('apparmor');
/** What is run besides test/vm: the monitor's tests that know both cgroup versions. */
const integration = ['monitor-oom', 'monitor-kill', 'monitor-exit.'];
/** The same with the whole daemon. */
const endToEnd = ['exec-monitor-cgroup', 'resize', 'paused-container'];
const limitMs = 60 * 60_000;

function isInstalled(program) {
  return spawnSync('which', [program], { stdio: 'ignore' }).status === 0;
}

function installTools() {
  const missing = [
    ['qemu-system-x86_64', 'qemu-system-x86'],
    ['mmdebstrap', 'mmdebstrap'],
  ].filter(([program]) => !isInstalled(program));
  if (missing.length === 0) return;
  const names = missing.map(([, name]) => name);
  execFileSync('apt-get', ['update'], { stdio: 'inherit' });
  execFileSync('apt-get', ['install', '-y', '--no-install-recommends', ...names], { stdio: 'inherit' });
}

/** The root file system as an archive, one for each list of packages. */
function debian() {
  const list = createHash('sha256').update(packages.join()).digest('hex').slice(0, 8);
  const archive = join(cache, `debian-12-${list}.tar`);
  if (!existsSync(archive)) {
    const temporary = `${archive}.new.tar`;
    const include = `--include=${packages.join(',')}`;
    execFileSync('mmdebstrap', ['--variant=minbase', include, 'bookworm', temporary], { stdio: 'inherit' });
    execFileSync('mv', [temporary, archive]);
  }
  return archive;
}

/** The packages of package.json that the built daemon and the tests load. */
function copyModules(target) {
  const skipped = ['@biomejs', 'typescript', '@typescript', '@types', '.bin', '.cache'];
  mkdirSync(target, { recursive: true });
  for (const name of readdirSync(`${root}node_modules`))
    if (!skipped.includes(name))
      cpSync(`${root}node_modules/${name}`, join(target, name), { recursive: true, dereference: true });
}

function testFiles(patterns) {
  const files = [
    ...readdirSync(`${root}dist/test/vm`).map((name) => `dist/test/vm/${name}`),
    ...readdirSync(`${root}dist/test/integration`)
      .filter((name) => integration.some((start) => name.startsWith(start)))
      .map((name) => `dist/test/integration/${name}`),
    ...readdirSync(`${root}dist/test/e2e`)
      .filter((name) => endToEnd.some((start) => name.startsWith(start)))
      .map((name) => `dist/test/e2e/${name}`),
  ].filter((name) => name.endsWith('.test.js'));
  return files.filter((name) => patterns.length === 0 || patterns.some((pattern) => name.includes(pattern)));
}

const unit = `[Unit]
Description=Tests of cria
After=multi-user.target

[Service]
Type=oneshot
ExecStart=/cria/run
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
`;

const runScript = (files) => `#!/bin/sh
cd /cria
modprobe -a overlay bridge veth
node --enable-source-maps --test --test-concurrency=1 --test-timeout=1200000 --test-reporter=spec ${files.join(' ')}
echo "RESULT $?"
systemctl poweroff
`;

/** Fills the mounted disk: the archive, this Node, the built daemon, and a unit that runs the tests. */
function fill(point, files) {
  execFileSync('tar', ['xf', debian(), '-C', point, '--exclude=./boot/*']);
  cpSync(process.execPath, join(point, 'usr/bin/node'));
  for (const folder of ['dist', 'contrib', 'proto'])
    if (existsSync(`${root}${folder}`))
      cpSync(`${root}${folder}`, join(point, 'cria', folder), {
        recursive: true,
        filter: (path) => !path.startsWith(cache) && !path.includes('/dist/bin-'),
      });
  cpSync(`${root}package.json`, join(point, 'cria/package.json'));
  copyModules(join(point, 'cria/node_modules'));
  writeFileSync(join(point, 'cria/run'), runScript(files), { mode: 0o755 });
  writeFileSync(join(point, 'etc/systemd/system/cria-test.service'), unit);
  mkdirSync(join(point, 'etc/systemd/system/multi-user.target.wants'), { recursive: true });
  const wants = join(point, 'etc/systemd/system/multi-user.target.wants/cria-test.service');
  symlinkSync('../cria-test.service', wants);
}

function makeDisk(files) {
  const disk = join(cache, 'disk.img');
  const point = mkdtempSync(join(tmpdir(), 'cria-vm-'));
  rmSync(disk, { force: true });
  execFileSync('truncate', ['-s', '4G', disk]);
  execFileSync('mkfs.ext4', ['-q', '-F', disk]);
  execFileSync('mount', ['-o', 'loop', disk, point]);
  try {
    fill(point, files);
  } finally {
    execFileSync('umount', [point]);
    rmdirSync(point);
  }
  return disk;
}

function kernel() {
  const boot = join(cache, 'boot');
  rmSync(boot, { recursive: true, force: true });
  mkdirSync(boot);
  const members = ['./boot/vmlinuz-*', './boot/initrd.img-*'];
  execFileSync('tar', ['xf', debian(), '-C', boot, '--strip-components=2', '--wildcards', ...members]);
  const find = (start) => join(boot, readdirSync(boot).find((name) => name.startsWith(start)) ?? '');
  return { image: find('vmlinuz'), initrd: find('initrd') };
}

/** Resolves with the exit code of the tests; undefined when the machine ended without one. */
function boot(disk, { image, initrd }) {
  const line = 'root=/dev/vda rw console=ttyS0 quiet loglevel=3 systemd.show_status=false mitigations=off';
  // A login there would hang up whoever writes to it.
  const quiet = 'systemd.mask=serial-getty@ttyS0.service';
  const argv = ['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', '2048', '-nographic'];
  argv.push('-no-reboot', '-nic', 'none', '-kernel', image, '-initrd', initrd, '-append', `${line} ${quiet}`);
  argv.push('-drive', `file=${disk},if=virtio,format=raw,cache=unsafe`);
  const machine = spawn('qemu-system-x86_64', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const timer = setTimeout(() => machine.kill('SIGKILL'), limitMs);
  let text = '';
  machine.stdout.on('data', (chunk) => {
    process.stdout.write(chunk);
    text = (text + chunk).slice(-4096);
  });
  return new Promise((resolve) => {
    machine.on('close', () => {
      clearTimeout(timer);
      const result = /^RESULT (\d+)/m.exec(text)?.[1];
      resolve(result === undefined ? undefined : Number(result));
    });
  });
}

if (process.getuid?.() !== 0) {
  console.error('needs root');
  process.exit(2);
}
mkdirSync(cache, { recursive: true });
const files = testFiles(process.argv.slice(2));
installTools();
const result = await boot(makeDisk(files), kernel());
if (result === undefined) console.error('the virtual machine ended without a result');
process.exit(result ?? 1);
