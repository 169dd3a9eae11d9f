import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes, formatDetails, formatImages, formatPruned } from './image-output.ts';

const image = {
  id: 'a'.repeat(64),
  repoTags: ['h/one:1', 'h/one:latest'],
  repoDigests: [`h/one@sha256:${'b'.repeat(64)}`],
  sizeBytes: 12_345_678,
  createdAt: new Date('2026-01-02T03:04:05Z'),
  uid: undefined,
  username: '',
  pinned: false,
};
const bare = { ...image, id: 'c'.repeat(64), repoTags: [], repoDigests: [] };

test('formatImages prints one line for each name', () => {
  assert.equal(
    formatImages([image, bare]),
    'IMAGE         ID             SIZE     CREATED\n' +
      'h/one:1       aaaaaaaaaaaaa  12.3 MB  2026-01-02\n' +
      'h/one:latest  aaaaaaaaaaaaa  12.3 MB  2026-01-02\n' +
      '<none>        ccccccccccccc  12.3 MB  2026-01-02\n',
  );
});

test('formatDetails shows everything, and an image cannot steer the terminal', () => {
  const details = {
    ...image,
    manifestDigest: undefined,
    layers: [
      {
        id: 'l',
        diffId: 'sha256:1' as const,
        diffSizeBytes: 2_000,
        blobDigest: 'sha256:2',
        blobSizeBytes: 900,
      },
    ],
    usedBy: [{ containerId: 'd'.repeat(64), names: ['web'] }],
    signatures: 1,
    config: {
      os: 'linux',
      architecture: 'amd64',
      config: { Cmd: ['\x1b[2J'], User: '', Labels: { a: 'b' } },
    },
  };
  assert.equal(
    formatDetails(details),
    `Id:           ${'a'.repeat(64)}
Tags:         h/one:1
              h/one:latest
Digests:      h/one@sha256:${'b'.repeat(64)}
Manifest:     unknown
Created:      2026-01-02T03:04:05.000Z
Platform:     "linux"/"amd64"
Size:         12.3 MB
Signatures:   1
Cmd:          "\\u001b[2J"
Labels:       "a": "b"
Layers:       sha256:1  2.0 kB, 900 B compressed
Used by:      ddddddddddddd web
`,
  );
});

test('formatPruned counts images and room', () => {
  assert.equal(
    formatPruned({ images: [bare], freedBytes: 5_000_000 }, true),
    'would remove  ccccccccccccc  <none>\n1 image, 5.0 MB would be freed\n',
  );
  assert.equal(formatPruned({ images: [], freedBytes: 0 }, false), '0 images, 0 B freed\n');
});

test('formatBytes', () => {
  assert.deepEqual([0, 999, 1_000, 160e6, 2.5e12].map(formatBytes), [
    '0 B',
    '999 B',
    '1.0 kB',
    '160.0 MB',
    '2.5 TB',
  ]);
});
