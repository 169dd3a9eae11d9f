import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { silentLogger } from '../log/logger.ts';
import { copyDefaultMounts, parseMountsConf, readDefaultMounts } from './default-mounts.ts';

const root = mkdtempSync(join(tmpdir(), 'default-mounts-'));
/** A test without root may give files to itself. */
const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
after(() => rmSync(root, { recursive: true, force: true }));

test('parseMountsConf reads pairs, single paths and comments', () => {
  const text = '# comment\n/usr/share/rhel/secrets:/run/secrets\n\n  /etc/one  \n';
  assert.deepEqual(parseMountsConf(text, 'f'), [
    { hostPath: '/usr/share/rhel/secrets', containerPath: '/run/secrets' },
    { hostPath: '/etc/one', containerPath: '/etc/one' },
  ]);
  assert.throws(
    () => parseMountsConf('/a\nb:/c\n', 'mounts.conf'),
    /mounts\.conf:2: "b:\/c" is not of the form/,
  );
  assert.throws(() => parseMountsConf('/a:/b:/c\n', 'mounts.conf'), { kind: 'failed-precondition' });
});

test('the first file that exists counts', async () => {
  const second = join(root, 'second.conf');
  writeFileSync(second, '/x:/y\n');
  assert.deepEqual(await readDefaultMounts([join(root, 'none.conf')]), []);
  const found = await readDefaultMounts([join(root, 'none.conf'), second, join(root, 'third.conf')]);
  assert.deepEqual(found, [{ hostPath: '/x', containerPath: '/y' }]);
});

test('copies are whole, of what links mean too; a source that is not there is left out', async () => {
  const source = join(root, 'source');
  mkdirSync(join(source, 'folder'), { recursive: true });
  writeFileSync(join(source, 'folder/secret'), 'one', { mode: 0o600 });
  symlinkSync(join(source, 'folder/secret'), join(source, 'link'));
  const wanted = [
    { hostPath: join(root, 'none'), containerPath: '/none' },
    { hostPath: source, containerPath: '/run/secrets' },
    { hostPath: join(source, 'link'), containerPath: '/etc/secret' },
  ];
  const copies = await copyDefaultMounts(
    wanted,
    { directory: join(root, 'copies'), owner: own },
    silentLogger,
  );
  assert.deepEqual(
    copies.map(({ containerPath }) => containerPath),
    ['/run/secrets', '/etc/secret'],
  );
  assert.equal(readFileSync(join(copies[0]?.hostPath ?? '', 'link'), 'utf8'), 'one');
  assert.equal(readFileSync(copies[1]?.hostPath ?? '', 'utf8'), 'one');
});
