import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { ContainerMount } from './container-config.ts';
import { bringsTimeZone, setTimeZone } from './container-time-zone.ts';

const zone = { path: '/usr/share/zoneinfo/Asia/Tokyo', data: Buffer.from('TZif of the node') };
const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

interface Rootfs {
  readonly path: string;
  readonly write: (file: string, text: string) => Promise<void>;
  readonly link: (file: string, target: string) => void;
}

function rootfs(t: { after: (clean: () => void) => void }): Rootfs {
  const path = mkdtempSync(join(tmpdir(), 'cria-zone-'));
  t.after(() => rmSync(path, { recursive: true }));
  const place = (file: string): string => {
    const full = join(path, file);
    mkdirSync(dirname(full), { recursive: true });
    return full;
  };
  return {
    path,
    write: (file, text) => writeFile(place(file), text),
    link: (file, target) => symlinkSync(target, place(file)),
  };
}

test('setTimeZone copies the zone of the node, in the place of a link of the image and not through it', async (t) => {
  const root = rootfs(t);
  await root.write('usr/share/zoneinfo/Etc/UTC', 'TZif UTC');
  root.link('etc/localtime', '/usr/share/zoneinfo/Etc/UTC');
  await setTimeZone(root.path, zone, owner);
  const file = join(root.path, 'etc/localtime');
  assert.equal(readFileSync(file, 'utf8'), 'TZif of the node');
  assert.equal(lstatSync(file).mode, 0o100644);
  assert.equal(readFileSync(join(root.path, 'usr/share/zoneinfo/Etc/UTC'), 'utf8'), 'TZif UTC');
});

test('setTimeZone links to the zone of the image where it has it', async (t) => {
  const root = rootfs(t);
  await root.write('etc/localtime', 'TZif of the image');
  await root.write('usr/share/zoneinfo/Asia/Tokyo', 'TZif Tokyo');
  await setTimeZone(root.path, zone, owner);
  assert.equal(readlinkSync(join(root.path, 'etc/localtime')), '/usr/share/zoneinfo/Asia/Tokyo');

  const odd = { ...zone, path: '/srv/zone' };
  await root.write('srv/zone', 'TZif');
  await setTimeZone(root.path, odd, owner);
  assert.equal(readFileSync(join(root.path, 'etc/localtime'), 'utf8'), 'TZif of the node');
});

test('setTimeZone makes a missing /etc and follows one that is a link inside the root only', async (t) => {
  const bare = rootfs(t);
  await setTimeZone(bare.path, zone, owner);
  assert.equal(readFileSync(join(bare.path, 'etc/localtime'), 'utf8'), 'TZif of the node');

  const moved = rootfs(t);
  mkdirSync(join(moved.path, 'system'));
  moved.link('etc', '/../../system');
  await setTimeZone(moved.path, zone, owner);
  assert.equal(readFileSync(join(moved.path, 'system/localtime'), 'utf8'), 'TZif of the node');
});

test('setTimeZone says what is in the way', async (t) => {
  const directory = rootfs(t);
  mkdirSync(join(directory.path, 'etc/localtime'), { recursive: true });
  const dangling = rootfs(t);
  dangling.link('etc', '/nowhere');
  for (const [root, code] of [
    [directory, 'EISDIR|EPERM'],
    [dangling, 'EEXIST'],
  ] as const) {
    await assert.rejects(setTimeZone(root.path, zone, owner), {
      kind: 'failed-precondition',
      message: new RegExp(`option timezone .*/etc/localtime cannot be replaced \\((${code})\\)$`),
    });
  }
});

test('a mount on /etc/localtime or over it is a time zone of the pod', () => {
  const at = (...paths: string[]) =>
    bringsTimeZone(paths.map((containerPath) => ({ containerPath }) as ContainerMount));
  assert.ok(at('/data', '/etc/localtime'));
  assert.ok(at('etc/localtime/'));
  assert.ok(at('/etc'));
  assert.ok(!at('/etc/hosts', '/etcetera'));
});
