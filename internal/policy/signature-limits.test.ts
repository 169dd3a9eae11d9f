// What whoever signs may not do to the daemon: fill its memory, or learn a password by its errors.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { transportTo } from '../../test/fakes/registry-client.ts';
import { digestOf } from '../registry/digest.ts';
import type { RemoteImage } from '../registry/registry.ts';
import { readLookaside } from './lookaside.ts';
import { readAttachments } from './sigstore-attachments.ts';

const never = new AbortController().signal;
const fourMiB = 4 * 1024 * 1024;
const manifestDigest = digestOf(Buffer.of());
const reference = { repository: { host: 'r.io', path: 'app' }, version: { tag: 'v1' } };

test('attached signatures of too many bytes are refused before one is fetched', async () => {
  const layer = { mediaType: 'x', digest: manifestDigest, size: fourMiB };
  const bytes = Buffer.from(JSON.stringify({ layers: Array.from({ length: 5 }, () => layer) }));
  const manifest = { bytes, digest: digestOf(bytes), mediaType: undefined };
  let fetched = 0;
  const remote: RemoteImage = {
    manifest,
    readManifest: async () => manifest,
    readTag: async () => manifest,
    openBlob: async () => {
      fetched += 1;
      throw new Error('fetched');
    },
  };
  await assert.rejects(
    readAttachments(remote, manifestDigest, never),
    /has signatures of more than 16777216 bytes/,
  );
  assert.equal(fetched, 0);
});

test('so are those of a lookaside', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cria-lookaside-'));
  try {
    const place = join(folder, `app@${manifestDigest.replace(':', '=')}`);
    await mkdir(place);
    for (let number = 1; number <= 5; number += 1)
      await writeFile(join(place, `signature-${number}`), Buffer.alloc(fourMiB, 0x90));
    await assert.rejects(
      readLookaside(`file://${folder}`, { reference, manifestDigest }, transportTo(), never),
      /has signatures of more than 16777216 bytes/,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('errors name the lookaside without its password', async () => {
  const read = (place: string): Promise<unknown> =>
    readLookaside(place, { reference, manifestDigest }, transportTo(), never);
  await assert.rejects(read('https://me:secret@host:port/x'), {
    message: 'lookaside "https://host:port/x" of registries.d is no URL',
  });
  await assert.rejects(read('http://me:secret@127.0.0.1:1/x'), ({ message }: Error) => {
    assert.match(message, /^lookaside server "127\.0\.0\.1:1" gives no signature: .*ECONNREFUSED/);
    assert.doesNotMatch(message, /secret/);
    return true;
  });
});
