import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeImage, makeList } from '../../test/fakes/made-image.ts';
import { digestOf } from '../registry/digest.ts';
import { parseManifest } from './manifest.ts';
import { selectManifest } from './select-manifest.ts';

const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const ociIndex = 'application/vnd.oci.image.index.v1+json';
const amd64 = { os: 'linux', architecture: 'amd64', variant: 'v1' };

function changed(fields: Readonly<Record<string, unknown>>): Buffer {
  const manifest = JSON.parse(makeImage().manifest.toString()) as Record<string, unknown>;
  return Buffer.from(JSON.stringify({ ...manifest, ...fields }));
}

test('parseManifest reads OCI and docker images, with or without a declared type', () => {
  for (const docker of [false, true]) {
    const image = makeImage({ docker });
    for (const type of [image.manifestType, undefined, 'text/plain']) {
      const parsed = parseManifest(image.manifest, type);
      assert.equal(parsed.kind, 'image');
      assert.equal(parsed.kind === 'image' && parsed.layers.length, 1);
    }
  }
});

test('parseManifest refuses what it cannot trust', () => {
  const layer = {
    mediaType: 'application/vnd.oci.image.layer.v1.tar',
    digest: digestOf(Buffer.alloc(0)),
    size: 1,
  };
  const config = { ...layer, mediaType: 'application/vnd.oci.image.config.v1+json' };
  const cases: [RegExp, Buffer, string?][] = [
    [/not valid JSON/, Buffer.from('{')],
    [/not valid JSON/, Buffer.from([0x7b, 0xff, 0x7d])],
    [/not a JSON object/, Buffer.from('[]')],
    [/no schemaVersion 2/, Buffer.from('{}')],
    [/schema 1/, Buffer.from('{"schemaVersion":1}')],
    [/schema 1/, Buffer.from('{}'), 'application/vnd.docker.distribution.manifest.v1+json'],
    [/both a list and an image/, changed({ manifests: [] })],
    [/its content is something else/, makeImage().manifest, ociIndex],
    [/but came as/, makeImage().manifest, 'application/vnd.docker.distribution.manifest.v2+json'],
    [/without a valid sha256 digest/, changed({ layers: [{ ...layer, digest: 'x' }] })],
    [/without a valid size/, changed({ layers: [{ ...layer, size: -1 }] })],
    [/without a valid size/, changed({ layers: [{ ...layer, size: 1.5 }] })],
    [/128 layers, more than 127/, changed({ layers: Array(128).fill(layer) })],
    [/unknown type "text\/x"/, changed({ layers: [{ ...layer, mediaType: 'text/x' }] })],
    [/encrypted/, changed({ layers: [{ ...layer, mediaType: `${layer.mediaType}+encrypted` }] })],
    [/of an artifact/, changed({ config: { ...config, mediaType: 'application/x' } })],
    [/config of more than/, changed({ config: { ...config, size: 5_000_000 } })],
  ];
  for (const [expected, bytes, type] of cases) {
    assert.throws(() => parseManifest(bytes, type), expected, bytes.toString('latin1', 0, 200));
  }
});

test('selectManifest goes through two lists but not through three', async () => {
  const image = makeImage();
  const documents = new Map<string, { bytes: Buffer; mediaType: string }>();
  documents.set(image.manifestDigest, { bytes: image.manifest, mediaType: ociManifest });
  let top = makeList([{ image, architecture: 'amd64' }]);
  const tops = [top];
  for (let depth = 0; depth < 2; depth += 1) {
    documents.set(top.digest, top);
    const entry = { mediaType: ociIndex, digest: top.digest, size: top.bytes.length };
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [entry] }));
    top = { bytes, mediaType: ociIndex, digest: digestOf(bytes) };
    tops.push(top);
  }
  const read = async ({ digest }: { digest: string }): Promise<{ bytes: Buffer; mediaType: string }> => {
    const found = documents.get(digest);
    assert.ok(found);
    return found;
  };
  for (const list of tops.slice(0, 2)) {
    assert.deepEqual((await selectManifest(list, amd64, read)).bytes, image.manifest);
  }
  await assert.rejects(selectManifest(top, amd64, read), /nested/);
  await assert.rejects(selectManifest(tops[0]!, { ...amd64, architecture: 'arm64' }, read), {
    kind: 'not-found',
    message: /linux\/arm64\/v1/,
  });
});
