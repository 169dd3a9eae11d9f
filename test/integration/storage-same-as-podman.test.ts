// Crafted layers, unpacked by cria and by containers/storage (skopeo and podman share it): the trees are equal in every
// mode, owner, time, attribute and byte, or the layer is refused, or the difference is one that we mean.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { HostileLayer } from '../fixtures/hostile-layers/layer-case.ts';
import { hostileLayers } from '../fixtures/hostile-layers.ts';
import {
  openWorld,
  storeLayer,
  type TestLayer,
  testLayer,
  type World,
  writeLayout,
} from './storage-world.ts';

/** One line for each path: kind, mode, owner, links, size, device, time, attributes, content or target. */
const lister = `
import hashlib, os, stat, sys
def walk(root, path):
    for name in sorted(os.listdir(os.path.join(root, path))):
        rel = os.path.join(path, name)
        full = os.path.join(root, rel)
        st = os.lstat(full)
        attrs = {a: os.getxattr(full, a, follow_symlinks=False) for a in sorted(os.listxattr(full, follow_symlinks=False))}
        body = b''
        if stat.S_ISREG(st.st_mode): body = hashlib.sha256(open(full, 'rb').read()).digest()
        if stat.S_ISLNK(st.st_mode): body = os.readlink(full)
        isdir = stat.S_ISDIR(st.st_mode)
        print(rel, oct(st.st_mode), st.st_uid, st.st_gid, 0 if isdir else st.st_nlink, 0 if isdir else st.st_size, st.st_rdev, st.st_mtime_ns, attrs, body.hex())
        if isdir: walk(root, rel)
root = os.fsencode(sys.argv[1])
print('root', {a: os.getxattr(root, a) for a in sorted(os.listxattr(root))})
walk(root, b'')
`;

function list(root: string): string[] {
  return execFileSync('python3', ['-c', lister, root], { encoding: 'utf8', maxBuffer: 1 << 28 })
    .trim()
    .split('\n');
}

describe('layers as podman unpacks them', () => {
  let ours: World;
  let theirs: World;

  before(async () => {
    ours = await openWorld();
    theirs = await openWorld();
  });
  after(async () => {
    await ours.close();
    await theirs.close();
  });

  /** The tree of the top layer, or why it was refused. */
  async function unpackedByUs(layers: readonly TestLayer[]): Promise<string[] | Error> {
    let parentId: string | undefined;
    try {
      for (const layer of layers) {
        parentId = (await storeLayer(ours.store, layer, parentId)).id;
      }
    } catch (error) {
      return error as Error;
    }
    return list(join(ours.graphRoot, 'overlay', parentId ?? '', 'diff'));
  }

  function unpackedByThem(layers: readonly TestLayer[], at: number): string[] | Error {
    const layout = join(theirs.directory, `layout-${at}`);
    const id = writeLayout(layout, layers);
    try {
      theirs.skopeo('copy', '--quiet', `oci:${layout}`, theirs.storageName(`localhost/case:${at}`));
    } catch (error) {
      return error as Error;
    }
    const records = JSON.parse(
      readFileSync(join(theirs.graphRoot, 'overlay-images/images.json'), 'utf8'),
    ) as { id: string; layer: string }[];
    const layer = records.find((record) => record.id === id)?.layer ?? '';
    return list(join(theirs.graphRoot, 'overlay', layer, 'diff'));
  }

  function layersOf({ tar, below }: HostileLayer): TestLayer[] {
    return [...(below === undefined ? [] : [testLayer(below)]), testLayer(tar)];
  }

  for (const [at, hostile] of hostileLayers.entries()) {
    const { name, expected, why } = hostile;
    const verdict =
      expected === 'same' ? 'as podman' : expected instanceof RegExp ? 'refused' : `differs: ${why}`;
    test(`${name}: ${verdict}`, async () => {
      const layers = layersOf(hostile);
      const mine = await unpackedByUs(layers);
      if (expected instanceof RegExp) {
        assert.ok(mine instanceof Error, 'it is not refused');
        assert.match(mine.message, expected);
        assert.match(mine.message, /^layer "sha256:[0-9a-f]{64}" /);
      } else {
        assert.ok(!(mine instanceof Error), String(mine));
        const other = unpackedByThem(layers, at);
        if (expected === 'only ours') assert.ok(other instanceof Error, 'podman unpacks it as well');
        else {
          assert.ok(!(other instanceof Error), `podman refuses it: ${other}`);
          const both = [withoutImplied(mine, hostile), withoutImplied(other, hostile)] as const;
          if (expected === 'same') assert.deepEqual(...both);
          else assert.notDeepEqual(...both);
        }
      }
      assert.ok(!existsSync('/tmp/evil') && !existsSync('/dev/evil'));
    });
  }
});

/** Whiteouts, and directories that the archive does not name, have the time of their making. */
function withoutImplied(lines: readonly string[], { name }: HostileLayer): string[] {
  const implied = /does not have|not in the layer|deep path|long|absolute name|trusted/.test(name);
  return lines
    .map((line) => line.replace(/( 0o20000 \d+ \d+ 1 0 0) \d+ /, '$1 - '))
    .map((line) => (implied ? line.replace(/(0o4\d+ .*?) (\d{18,19}) /, '$1 - ') : line));
}
