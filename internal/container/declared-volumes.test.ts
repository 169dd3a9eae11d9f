import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { findDeclaredVolumes, prepareDeclaredVolumes, type VolumeMode } from './declared-volumes.ts';

let root: string;
let rootfs: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'volumes-'));
  rootfs = join(root, 'rootfs');
  mkdirSync(join(rootfs, 'data'), { recursive: true });
  mkdirSync(join(rootfs, 'run'));
  writeFileSync(join(rootfs, 'file'), '');
  symlinkSync('/run', join(rootfs, 'absolute'));
  symlinkSync('../../../../../../../../../outside', join(rootfs, 'climbing'));
  symlinkSync('/proc/self/root', join(rootfs, 'magic'));
  symlinkSync('loop', join(rootfs, 'loop'));
  symlinkSync('missing/deep', join(rootfs, 'dangling'));
});
afterEach(() => rmSync(root, { recursive: true }));

async function found(...declared: readonly string[]): Promise<[string, readonly string[]][]> {
  const volumes = await findDeclaredVolumes(rootfs, declared);
  return volumes.map(({ containerPath, missing }) => [containerPath, missing]);
}

function prepare(mode: VolumeMode, ...declared: readonly string[]) {
  return prepareDeclaredVolumes({ mode, declared, rootfs, directory: join(root, 'binds') });
}

const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

test('a volume is where its path leads inside of the root file system, and no further', async () => {
  const cases: readonly (readonly [declared: string, path: string, missing: readonly string[]])[] = [
    ['/data', '/data', []],
    ['data/', '/data', []],
    ['/data/../run//./x', '/run/x', ['/run/x']],
    ['/none/../data', '/data', []],
    ['../../up/here', '/up/here', ['/up', '/up/here']],
    ['/absolute/x', '/run/x', ['/run/x']],
    ['/climbing/x', '/outside/x', ['/outside', '/outside/x']],
    ['/dangling', '/missing/deep', ['/missing', '/missing/deep']],
  ];
  for (const [declared, path, missing] of cases)
    assert.deepEqual(await found(declared), [[path, missing]], declared);
  assert.deepEqual(await found('/data', 'data', '/run/../data'), [['/data', []]]);
});

test('the root, files and the places of kernel file systems are no volumes', async () => {
  assert.deepEqual(
    await found(
      '',
      '/',
      '/..',
      '/file',
      '/file/x',
      '/proc',
      '/proc/x',
      '/dev/shm',
      '/sys/fs/cgroup',
      '/magic/etc',
    ),
    [],
  );
  assert.deepEqual(await found('/process', '/device'), [
    ['/process', ['/process']],
    ['/device', ['/device']],
  ]);
});

test('what cannot be a volume is refused', async () => {
  const refusals: readonly (readonly [declared: readonly string[], message: RegExp])[] = [
    [['/a\0b'], /^volume "\/a\\u0000b" of the image is no path$/],
    [['/loop/x'], /^volume "\/loop\/x" of the image is behind too many links$/],
    [[`/${'x'.repeat(300)}`], /^volume "\/x+" of the image cannot be used \(ENAMETOOLONG\)$/],
    [Array.from({ length: 257 }, (_, at) => `/v${at}`), /declares 257 volumes, more than 256$/],
  ];
  for (const [declared, message] of refusals)
    await assert.rejects(found(...declared), { kind: 'failed-precondition', message });
});

test('mkdir makes what is missing in the root file system, and nothing beside it', async () => {
  const { binds, giveTo } = await prepare('mkdir', '/climbing/x', '/outside/y', '/data');
  await giveTo(self);
  assert.deepEqual(binds, []);
  assert.deepEqual(readdirSync(join(rootfs, 'outside')).sort(), ['x', 'y']);
  assert.deepEqual(readdirSync(root), ['rootfs']);
});

test('bind makes empty directories beside the root file system, ignore none', async () => {
  const { binds, giveTo } = await prepare('bind', '/data', '/none');
  await giveTo(self);
  assert.deepEqual(
    binds.map(({ containerPath }) => containerPath),
    ['/data', '/none'],
  );
  for (const { hostPath } of binds) assert.ok(statSync(hostPath).isDirectory());
  assert.equal(existsSync(join(rootfs, 'none')), false);
  assert.deepEqual((await prepare('ignore', '/none', '/loop/x')).binds, []);
});
