import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ImageFiles, readConfig, writeDocuments } from './image-documents.ts';
import type { ImageRecord } from './image-record.ts';
import { storePaths } from './store-paths.ts';

const id = 'c'.repeat(64);
const configDigest = `sha256:${'d'.repeat(64)}`;

/** An image in the form that tools give one that they pulled in parts (zstd:chunked): its id is not its config's digest. */
async function inParts(
  t: { after: (clean: () => void) => void },
  documents: Readonly<Record<string, string>>,
): Promise<ImageFiles> {
  const root = mkdtempSync(join(tmpdir(), 'cria-documents-'));
  t.after(() => rmSync(root, { recursive: true }));
  const paths = storePaths(root, root);
  const data = Object.entries(documents).map(([key, text]) => [key, Buffer.from(text)] as const);
  await writeDocuments(join(paths.images, id), new Map(data));
  return { paths, record: { id, 'big-data-names': Object.keys(documents) } as unknown as ImageRecord };
}

test('the config of an image that was pulled in parts is found by its manifest', async (t) => {
  const manifest = JSON.stringify({ config: { digest: configDigest } });
  const image = await inParts(t, { manifest, [configDigest]: '{"os":"linux"}' });
  assert.equal(Buffer.from(await readConfig(image)).toString(), '{"os":"linux"}');
});

test('a manifest that cannot lead to the config is told with the image and what is to be done', async (t) => {
  for (const [manifest, why] of [
    ['{"config": {"dig', 'has a torn manifest; remove it and pull it again'],
    ['null', 'has a torn manifest; remove it and pull it again'],
    ['', 'has a torn manifest; remove it and pull it again'],
    ['{}', 'has no config; it is of an old format'],
    [
      JSON.stringify({ config: { digest: configDigest } }),
      `has lost its ${configDigest}; remove it and pull it again`,
    ],
  ] as const) {
    const image = await inParts(t, { manifest });
    const message = `image "${id}" ${why}`;
    await assert.rejects(readConfig(image), { kind: 'failed-precondition', message });
  }
});
