import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { digestOf, writeOciLayout } from './oci-layout.ts';

test('writeOciLayout gives the same digests for the same files, and each blob the name of its content', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cria-layout-'));
  const layer = join(directory, 'layer');
  mkdirSync(layer);
  writeFileSync(join(layer, 'file'), 'content');
  const [first, second] = ['one', 'two'].map((name) =>
    writeOciLayout(join(directory, name), { name: 'test', layers: [layer], config: {} }),
  );
  const read = (digest: string) => readFileSync(join(directory, 'one/blobs', digest.replace(':', '/')));
  const manifest = JSON.parse(read(first?.manifestDigest ?? '').toString());
  const blob = read(manifest.layers[0].digest);
  rmSync(directory, { recursive: true });
  assert.deepEqual(first, second);
  assert.equal(digestOf(blob), manifest.layers[0].digest);
  assert.equal(blob.length, manifest.layers[0].size);
  assert.deepEqual([digestOf(gunzipSync(blob))], first?.diffIds);
});
