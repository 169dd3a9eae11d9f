// What `cria image save` writes: the same image to podman, skopeo and ourselves.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { writeArchive } from '../../cmd/cria/write-archive.ts';
import { digestOf } from '../../internal/registry/digest.ts';
import { type MadeImage, makeImage } from '../fakes/made-image.ts';
import { missing } from '../harness/requirements.ts';
import { defaultPolicy, imagesOf, type TestImages } from './image-world.ts';
import { openWorld, type World } from './storage-world.ts';

const skip = missing('podman', 'skopeo', 'tar');
const never = new AbortController().signal;
const name = 'localhost/saved:1';

let world: World;
let images: TestImages;
let made: MadeImage;

before(async () => {
  if (skip !== false) return;
  world = await openWorld();
  images = imagesOf(world);
  const script = `mkdir -p bin etc d/${'long/'.repeat(30)}; cp /bin/busybox bin; ln bin/busybox bin/sh
    ln -s /etc/shadow etc/link; printf '\\377' > "$(printf 'raw\\377name')"; seq 100000 > d/${'long/'.repeat(30)}numbers
    mknod null c 1 3; mkfifo pipe; chmod 4755 bin/busybox; : > empty`;
  const base = world.tarOf(script, '--xattrs', '--format=pax');
  const top = world.tarOf('mkdir etc; touch etc/.wh.link; echo top > etc/issue; ln -s /etc escape');
  made = makeImage({ layers: [base, top] });
  await images.load(images.writeLayout(made), [name], never);
});

after(async () => {
  if (skip !== false) return;
  await images.close();
  await world.close();
});

async function save(format: 'oci' | 'docker', reference = name): Promise<string> {
  const path = join(world.directory, `saved-${format}.tar`);
  await writeArchive(images.save([reference], format), path, never);
  return path;
}

for (const format of ['oci', 'docker'] as const) {
  test(`the ${format} archive has the original bytes of every layer`, { skip }, async () => {
    const path = await save(format);
    const members = execFileSync('tar', ['-tf', path], { encoding: 'utf8' }).trim().split('\n');
    for (const tar of made.layerTars) {
      const hex = digestOf(tar).slice('sha256:'.length);
      const member = members.find((each) => each.includes(hex)) ?? '';
      const bytes = execFileSync('tar', ['-xOf', path, member], { maxBuffer: 1 << 30 });
      assert.ok(bytes.equals(tar), `${member} differs`);
    }
  });

  test(`podman loads the ${format} archive as the same image`, { skip }, async () => {
    const path = await save(format);
    const roots = ['--root', `${world.directory}/p-${format}`, '--runroot', `${world.directory}/r-${format}`];
    const podman = (...args: string[]): string =>
      execFileSync('podman', [...roots, '--storage-driver', 'overlay', ...args], { encoding: 'utf8' });
    try {
      podman('load', '--input', path);
      assert.equal(podman('image', 'inspect', '--format', '{{.Id}}', name).trim(), made.id);
      const mounted = podman('image', 'mount', name).trim();
      assert.deepEqual(readdirSync(join(mounted, 'etc')), ['issue']);
      podman('image', 'umount', name);
    } finally {
      world.shell(
        `! mountpoint -q ${world.directory}/p-${format}/overlay || umount -l ${world.directory}/p-${format}/overlay`,
      );
    }
  });

  test(`skopeo reads the ${format} archive`, { skip }, async () => {
    const source = `${format === 'oci' ? 'oci-archive' : 'docker-archive'}:${await save(format)}`;
    const layout = join(world.directory, `skopeo-${format}`);
    world.skopeo('--policy', defaultPolicy(world.directory), 'copy', source, `dir:${layout}`);
    assert.ok(readdirSync(layout).includes(made.id));
  });

  test(`we load the ${format} archive again`, { skip }, async () => {
    const path = await save(format);
    assert.deepEqual(await images.load(path, [], never), [made.id]);
    assert.ok(images.find(made.id)?.repoTags.includes(name));
  });
}

test('several images of one base share its layer', { skip }, async () => {
  const more = makeImage({ layers: [...made.layerTars, world.tarOf('echo more > more')] });
  await images.load(images.writeLayout(more), ['localhost/more:1'], never);
  const path = join(world.directory, 'both.tar');
  await writeArchive(images.save([name, 'localhost/more:1'], 'docker'), path, never);
  const members = execFileSync('tar', ['-tf', path], { encoding: 'utf8' }).trim().split('\n');
  assert.equal(members.filter((member) => member.endsWith('.tar')).length, 3);
  assert.deepEqual((await images.load(path, [], never)).toSorted(), [made.id, more.id].toSorted());
});

test('an archive that cannot be whole is not written, and what was there stays', { skip }, async () => {
  const path = join(world.directory, 'kept.tar');
  writeFileSync(path, 'kept');
  const [base] = images.find(name) === undefined ? [] : world.store.images.layersOf(made.id);
  const file = join(world.graphRoot, 'overlay', base?.id ?? '', 'diff/bin/busybox');
  const original = readFileSync(file);
  const attempt = (): Promise<void> => writeArchive(images.save([name], 'oci'), path, never);
  try {
    truncateSync(file, 100);
    await assert.rejects(attempt(), {
      kind: 'failed-precondition',
      message: /damaged: file "\.\/bin\/(busybox|sh)"/,
    });
    writeFileSync(file, Buffer.alloc(original.length));
    await assert.rejects(attempt(), {
      kind: 'failed-precondition',
      message: /damaged: file "\.\/bin\/(busybox|sh)"/,
    });
  } finally {
    writeFileSync(file, original);
  }
  const stop = AbortSignal.abort(new Error('stopped'));
  await assert.rejects(writeArchive(images.save([name], 'oci'), path, stop), { message: 'stopped' });
  assert.equal(readFileSync(path, 'utf8'), 'kept');
  assert.deepEqual(
    readdirSync(world.directory).filter((each) => each.startsWith('.kept')),
    [],
  );
  assert.throws(() => images.save(['localhost/none:1'], 'oci'), { kind: 'not-found' });
});

test('a link that leads out of the layer is followed inside it', { skip }, async () => {
  const tar = join(world.directory, 'linked.tar');
  world.shell(`cd ${world.directory}; mkdir x x/inner; ln -s /inner x/etc; tar -C x -cf linked.tar inner etc
    rm x/etc; mkdir x/etc; echo of the layer > x/etc/passwd; tar -C x -rf linked.tar etc/passwd`);
  const image = makeImage({ layers: [readFileSync(tar)] });
  await images.load(images.writeLayout(image), ['localhost/linked:1'], never);
  const path = join(world.directory, 'linked-saved.tar');
  await writeArchive(images.save(['localhost/linked:1'], 'oci'), path, never);
  const member = `blobs/${digestOf(readFileSync(tar)).replace(':', '/')}`;
  const saved = execFileSync('tar', ['-xOf', path, member], { maxBuffer: 1 << 30 });
  assert.ok(saved.equals(readFileSync(tar)));
});
