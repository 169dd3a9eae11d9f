// A store in a directory of its own, images made with real tar, and the other tools that share the store.

import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { gzipSync } from 'node:zlib';
import { silentLogger } from '../../internal/log/logger.ts';
import { openStore, type Store } from '../../internal/storage/open-store.ts';
import type {
  Digest,
  LayerSource,
  StagedLayer,
  StoredImage,
  StoredLayer,
  UnpackLimits,
} from '../../internal/storage/store.ts';
import type { StoreLayout } from '../../internal/storage/store-state.ts';
import { patienceMs } from '../harness/until.ts';

export const limits: UnpackLimits = {
  maxUnpackedBytes: 4 * 2 ** 30,
  maxRatio: 200,
  maxEntries: 1_000_000,
  minFreeBytes: 1,
};

export function sha256(data: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

export async function* chunks(data: Uint8Array, chunkBytes = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += chunkBytes) yield Buffer.from(data.subarray(at, at + chunkBytes)); // pieces are given away
}

export interface TestLayer {
  readonly tar: Buffer;
  readonly diffId: Digest;
  readonly blob: Buffer;
}

export function testLayer(tar: Buffer): TestLayer {
  return { tar, diffId: sha256(tar), blob: gzipSync(tar, { level: 1 }) };
}

export function sourceOf(layer: TestLayer): LayerSource {
  return {
    blob: chunks(layer.blob),
    blobDigest: sha256(layer.blob),
    blobSizeBytes: layer.blob.length,
    diffId: layer.diffId,
  };
}

export interface World {
  readonly directory: string;
  readonly graphRoot: string;
  readonly runRoot: string;
  readonly store: Store;
  podman(...args: string[]): string;
  skopeo(...args: string[]): string;
  shell(script: string): string;
  /** `containers-storage:[…]name` for skopeo. */
  storageName(name: string): string;
  /** The tar of a directory that `script` fills; it runs inside. */
  tarOf(script: string, ...tarArgs: string[]): Buffer;
  /** The same store as another process has it. */
  openAnother(): Promise<Store>;
  close(): Promise<void>;
}

/**
 * The world of a file, opened before its tests and closed after them. Node begins all `before` of a file at once: one that
 * needs the world opens it itself.
 */
export function useStorageWorld(): World {
  const world = {} as World;
  before(async () => {
    Object.assign(world, await openWorld());
  });
  after(() => world.close());
  return world;
}

export async function openWorld(layout: Partial<StoreLayout> = {}): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'storage-test-'));
  const graphRoot = layout.graphRoot ?? join(directory, 'graph');
  const runRoot = layout.runRoot ?? join(directory, 'run');
  const roots = ['--root', graphRoot, '--runroot', runRoot, '--storage-driver', 'overlay'];
  const store = await openStore({ graphRoot, runRoot, ...layout, logger: silentLogger });
  const run = (command: string, ...args: string[]): string =>
    execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000 });
  let trees = 0;
  return {
    directory,
    graphRoot,
    runRoot,
    store,
    podman: (...args) => run('podman', ...roots, '--cgroup-manager', 'cgroupfs', ...args),
    skopeo: (...args) => run('skopeo', ...args),
    shell: (script) => run('/bin/sh', '-ec', script),
    storageName: (name) => `containers-storage:[overlay@${graphRoot}+${runRoot}]${name}`,
    tarOf(script, ...tarArgs) {
      trees += 1;
      const tree = join(directory, `tree-${trees}`);
      mkdirSync(tree);
      run('/bin/sh', '-ec', `cd ${tree}; ${script}`);
      run('tar', '-C', tree, '-cf', `${tree}.tar`, ...tarArgs, '.');
      return readFileSync(`${tree}.tar`);
    },
    openAnother: () => openStore({ graphRoot, runRoot, ...layout, logger: silentLogger }),
    async close() {
      await store.close();
      // podman leaves the driver's home mounted on itself
      run('/bin/sh', '-c', `umount -l ${graphRoot}/overlay 2>/dev/null; rm -rf ${directory}`);
    },
  };
}

/** Commits one layer. */
export async function commit(
  store: Store,
  staged: StagedLayer,
  parentId: string | undefined,
): Promise<StoredLayer> {
  const [stored] = await store.layers.commitLayers([staged], parentId);
  if (stored === undefined) throw new Error('nothing was committed');
  return stored;
}

/** Stages and commits one layer. */
export async function storeLayer(store: Store, layer: TestLayer, parentId?: string): Promise<StoredLayer> {
  const staged = await store.layers.stageLayer(sourceOf(layer), limits, AbortSignal.timeout(patienceMs));
  return commit(store, staged, parentId);
}

/** Stages and commits layers, bottom first, and records an image of them. */
export async function storeImage(
  store: Store,
  layers: readonly TestLayer[],
  name: string,
  config: object = {},
): Promise<StoredImage> {
  const signal = AbortSignal.timeout(patienceMs);
  const staged = await Promise.all(
    layers.map((layer) => store.layers.stageLayer(sourceOf(layer), limits, signal)),
  );
  const stored = await store.layers.commitLayers(staged, undefined);
  const documents = imageDocuments(layers, config);
  return store.images.create({
    ...documents,
    names: [name],
    topLayerId: stored.at(-1)?.id,
    createdAt: new Date(),
    signatures: [],
  });
}

/** A process of another tool that holds these locks of the store, as containers/storage does, until it is ended. */
export async function holdLocks(
  graphRoot: string,
  ...nouns: readonly string[]
): Promise<() => Promise<void>> {
  const paths = nouns.map((noun) => join(graphRoot, `overlay-${noun}/${noun}.lock`));
  const script =
    'import fcntl,sys,time\nf=[open(p,"a+") for p in sys.argv[1:]]\n[fcntl.lockf(x,fcntl.LOCK_EX) for x in f]\nprint("held",flush=True)\ntime.sleep(600)';
  const holder = spawn('python3', ['-c', script, ...paths], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  return async () => {
    if (holder.exitCode !== null || holder.signalCode !== null) return;
    const ended = once(holder, 'exit');
    holder.kill('SIGKILL');
    await ended;
  };
}

/** An OCI layout directory of these layers. */
export function writeLayout(layout: string, layers: readonly TestLayer[], config: object = {}): string {
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const documents = imageDocuments(layers, config);
  for (const blob of [documents.config, documents.manifest, ...layers.map((layer) => layer.blob)])
    writeFileSync(join(layout, 'blobs/sha256', sha256(blob).slice(7)), blob);
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const entry = { mediaType, digest: documents.manifestDigest, size: documents.manifest.length };
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return documents.id;
}

export function imageDocuments(layers: readonly TestLayer[], config: object) {
  const configJson = Buffer.from(
    JSON.stringify({
      created: '2026-01-01T00:00:00Z',
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Cmd: ['/bin/sh'], ...config },
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
    }),
  );
  const configDigest = sha256(configJson);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: configDigest,
        size: configJson.length,
      },
      layers: layers.map((layer) => ({
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        digest: sha256(layer.blob),
        size: layer.blob.length,
      })),
    }),
  );
  return {
    id: configDigest.slice('sha256:'.length),
    manifest,
    manifestDigest: sha256(manifest),
    config: configJson,
    configDigest,
  };
}
