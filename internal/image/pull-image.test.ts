import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeImage, makeList, makeTar } from '../../test/fakes/made-image.ts';
import { MemoryLayerStore } from '../../test/fakes/memory-layer-store.ts';
import { openPolicy } from '../../test/fakes/open-policy.ts';
import { noShortNames, registryClient, testTimeouts, transportTo } from '../../test/fakes/registry-client.ts';
import { RegistryServer, sendBlob } from '../../test/fakes/registry-server.ts';
import { DaemonError, type ErrorKind } from '../errors/daemon-error.ts';
import { silentLogger } from '../log/logger.ts';
import { digestOf } from '../registry/digest.ts';
import type { DistributionRegistry } from '../registry/distribution-registry.ts';
import type { HttpTransport } from '../registry/http-transport.ts';
import type { ShortNames } from '../registry/registry.ts';
import type { PullEvent } from './pull-progress.ts';
import { StoredImages } from './stored-images.ts';
import { defaultUnpackLimits } from './unpack-limits.ts';

const never = new AbortController().signal;
let told: PullEvent[];
const pullListener = (event: PullEvent): void => void told.push(event);

let server: RegistryServer;
let store: MemoryLayerStore;
let transport: HttpTransport;
let registry: DistributionRegistry;
let images: StoredImages;

beforeEach(async () => {
  told = [];
  server = await RegistryServer.start();
  store = new MemoryLayerStore();
  transport = transportTo();
  registry = registryClient({ transport, retry: { attempts: 2, firstDelayMs: 5, maxDelayMs: 10 } });
  images = imagesWith(noShortNames);
});

afterEach(async () => {
  transport.close();
  await server.close();
});

function imagesWith(shortNames: ShortNames, progressTimeoutMs = 0): StoredImages {
  return new StoredImages(
    {
      layers: store,
      records: store,
      registry,
      policy: openPolicy,
      shortNames,
      logger: silentLogger,
      pullWatchers: [() => pullListener],
      lifetime: never,
    },
    {
      limits: defaultUnpackLimits,
      unpacksAtOnce: 2,
      platform: { os: 'linux', architecture: 'amd64', variant: 'v1' },
      shortNameMode: 'enforcing',
      progressTimeoutMs,
      pinnedImages: [],
    },
  );
}

function pull(name: string, signal: AbortSignal = never): Promise<string> {
  return images.pull({ reference: `${server.host}/${name}`, credentials: undefined, namespace: '' }, signal);
}

async function deadHost(): Promise<string> {
  const gone = await RegistryServer.start();
  const { host } = gone;
  await gone.close();
  return host;
}

function layersOf(count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) =>
    makeTar([{ name: `f${index}`, content: 'x'.repeat(index * 700) }]),
  );
}

async function assertRefused(name: string, kind: ErrorKind, text: RegExp): Promise<void> {
  await assert.rejects(pull(name), (error: unknown) => {
    assert.ok(error instanceof DaemonError, String(error));
    assert.match(error.message, text);
    assert.equal(error.kind, kind);
    return true;
  });
  assertNothingLeft();
}

function assertNothingLeft(): void {
  assert.equal(store.staged.size, 0, 'staged layers');
  assert.equal(store.layers.size, 0, 'layers');
  assert.equal(store.images.size, 0, 'images');
}

describe('pull', () => {
  it('stores an image by tag with its tag and digest', async () => {
    const image = makeImage({ layers: layersOf(5), user: '1002' });
    server.add(image, 'v1');
    assert.equal(await pull('a/b:v1'), image.id);
    const shown = images.find(`${server.host}/a/b:v1`);
    assert.deepEqual(shown?.repoTags, [`${server.host}/a/b:v1`]);
    assert.deepEqual(shown?.repoDigests, [`${server.host}/a/b@${image.manifestDigest}`]);
    assert.equal(shown?.uid, 1002);
    assert.equal(store.layers.size, 5);
    assert.equal(store.staged.size, 0);
    assert.ok(store.mostStagingsAtOnce <= 2);
  });

  it('takes latest when there is no tag', async () => {
    const image = makeImage();
    server.add(image, 'latest');
    await pull('a/b');
    assert.deepEqual(images.find(image.id)?.repoTags, [`${server.host}/a/b:latest`]);
  });

  it('by digest records no tag and exactly this digest', async () => {
    const image = makeImage({ docker: true });
    server.add(image);
    await pull(`a/b@${image.manifestDigest}`);
    assert.deepEqual(images.list()[0]?.repoTags, []);
    assert.deepEqual(images.list()[0]?.repoDigests, [`${server.host}/a/b@${image.manifestDigest}`]);
  });

  it('chooses the platform of a list and is found by list and instance digest', async () => {
    const [here, there] = [makeImage(), makeImage({ architecture: 's390x', user: 'x' })];
    const list = makeList([
      { image: there, architecture: 's390x' },
      { image: here, architecture: 'amd64' },
    ]);
    server.add(here);
    server.add(there);
    server.addList(list, 'multi');
    assert.equal(await pull('a/b:multi'), here.id);
    const shown = images.find(here.id);
    assert.deepEqual(shown?.repoDigests, [`${server.host}/a/b@${list.digest}`]);
    assert.deepEqual(images.find(`${server.host}/a/b@${list.digest}`), shown);
    assert.deepEqual(images.find(`${server.host}/a/b@${here.manifestDigest}`), shown);
    assert.deepEqual(images.find(here.id.slice(0, 12)), shown);
  });

  it('moves a tag to the new image and leaves the old one its digest', async () => {
    const [first, second] = [makeImage({ user: 'a' }), makeImage({ user: 'b' })];
    server.add(first, 'v1');
    await pull('a/b:v1');
    server.add(second, 'v1');
    await pull('a/b:v1');
    assert.deepEqual(images.find(first.id)?.repoTags, []);
    assert.deepEqual(images.find(second.id)?.repoTags, [`${server.host}/a/b:v1`]);
  });

  it('fetches nothing but the manifest for an image that is there', async () => {
    const image = makeImage({ layers: layersOf(3) });
    server.add(image, 'v1', 'v2');
    await pull('a/b:v1');
    server.requests.length = 0;
    await pull('a/b:v2');
    assert.deepEqual(
      server.requests.filter((request) => request.includes('blobs')),
      [],
    );
    assert.deepEqual(images.find(image.id)?.repoTags, [`${server.host}/a/b:v1`, `${server.host}/a/b:v2`]);
    assert.equal(store.stagings, 3);
  });

  it('shares the layers of another image', async () => {
    const layers = layersOf(3);
    server.add(makeImage({ layers: layers.slice(0, 2) }), 'base');
    server.add(makeImage({ layers }), 'full');
    await pull('a/b:base');
    await pull('a/b:full');
    assert.equal(store.stagings, 3);
  });

  it('unpacks a layer once that several images want at the same time', async () => {
    const layers = layersOf(6);
    const names = [2, 3, 4, 5].map((top) => {
      server.add(makeImage({ layers: [layers[0]!, layers[1]!, layers[top]!] }), `v${top}`);
      return `a/b:v${top}`;
    });
    await Promise.all(names.map((name) => pull(name)));
    assert.equal(images.list().length, 4);
    assert.equal(store.stagings, 6);
    assert.equal(store.staged.size, 0);
  });

  it('stores a shared layer itself when the other pull fails', async () => {
    const layers = layersOf(4);
    const doomed = makeImage({ layers: layers.slice(0, 3) });
    const image = makeImage({ layers: [layers[0]!, layers[1]!, layers[3]!] });
    server.add(doomed, 'doomed');
    server.add(image, 'v1');
    const lost = doomed.layerBlobs[2]!;
    server.intercept = (_request, response, path) => {
      if (!path.endsWith(digestOf(lost))) return false;
      setTimeout(() => response.writeHead(404).end(), 50);
      return true;
    };
    const [failed, stored] = await Promise.allSettled([pull('a/b:doomed'), pull('a/b:v1')]);
    assert.equal(failed.status, 'rejected');
    assert.deepEqual(stored, { status: 'fulfilled', value: image.id });
    assert.equal(store.layers.size, 3);
    assert.equal(store.staged.size, 0);
  });

  it('is not held up by images whose registry gives nothing', async () => {
    const stuck = await RegistryServer.start();
    const patient = transportTo({ timeouts: { ...testTimeouts, noProgressMs: 60_000 } });
    registry = registryClient({ transport: patient });
    images = imagesWith(noShortNames);
    try {
      const slow = [1, 2, 3].map((number) => makeImage({ layers: [makeTar([{ name: `slow${number}` }])] }));
      for (const [number, image] of slow.entries()) stuck.add(image, `v${number}`);
      let opened = 0;
      stuck.intercept = (_request, response, path) => {
        const layer = slow.find(({ layerBlobs }) => path.endsWith(digestOf(layerBlobs[0]!)))?.layerBlobs[0];
        if (layer === undefined) return false;
        opened += 1;
        response.writeHead(200, { 'content-length': layer.length }).write(layer.subarray(0, 1));
        return true;
      };
      const silences = slow.map((_, number) => {
        const reference = `${stuck.host}/a/b:v${number}`;
        return images.pull({ reference, credentials: undefined, namespace: '' }, never).catch(() => {});
      });
      while (opened < slow.length) await sleep(5);
      const image = makeImage({ layers: layersOf(3) });
      server.add(image, 'v1');
      assert.equal(await pull('a/b:v1'), image.id);
      patient.close();
      await stuck.close();
      await Promise.all(silences);
    } finally {
      patient.close();
    }
  });

  it('joins the running pull of the same reference', async () => {
    server.add(makeImage(), 'v1');
    const ids = await Promise.all([pull('a/b:v1'), pull('a/b:v1'), pull('a/b:v1')]);
    assert.equal(new Set(ids).size, 1);
    assert.equal(server.requests.filter((request) => request.includes('manifests')).length, 1);
  });

  it('is told once to the daemon and to each caller that listens', async () => {
    const image = makeImage({ layers: layersOf(2) });
    server.add(image, 'v1');
    const heard: PullEvent[][] = [[], []];
    const pulls = heard.map((events) => {
      const listener = (event: PullEvent): void => void events.push(event);
      return images.pull(
        { reference: `${server.host}/a/b:v1`, credentials: undefined, namespace: '', listener },
        never,
      );
    });
    await Promise.all(pulls);
    const kinds = told.map(({ kind }) => kind);
    assert.deepEqual(kinds.slice(0, 2), ['started', 'layers']);
    assert.equal(kinds.filter((kind) => kind === 'unpacked').length, 2);
    assert.equal(kinds.filter((kind) => kind === 'received').length, 2);
    assert.deepEqual(told.at(-1), { kind: 'done', image: `${server.host}/a/b:v1`, imageId: image.id });
    for (const events of heard) assert.deepEqual(events, told);

    told = [];
    await assert.rejects(pull('a/b:none'));
    assert.deepEqual(
      told.map(({ kind }) => kind),
      ['started', 'failed'],
    );
  });

  it('goes on when its caller gives up, and the next pull succeeds', async () => {
    const image = makeImage();
    server.add(image, 'v1');
    await assert.rejects(pull('a/b:v1', AbortSignal.timeout(1)), { name: 'TimeoutError' });
    assert.equal(await pull('a/b:v1'), image.id);
  });

  it('completes the image when another process removes a layer that it counted on', async () => {
    const layers = layersOf(3);
    server.add(makeImage({ layers: layers.slice(0, 1) }), 'base');
    server.add(makeImage({ layers }), 'full');
    const base = await pull('a/b:base');
    store.before = async (step) => {
      store.before = () => {};
      if (step === 'stage') await images.remove(base, never);
    };
    const full = await pull('a/b:full');
    assert.deepEqual(
      images.list().map(({ id }) => id),
      [full],
    );
    assert.equal(store.layers.size, 3);
  });
});

describe('pull through mirrors', () => {
  let mirror: RegistryServer;
  let dead: string;
  const warnings: object[] = [];

  beforeEach(async () => {
    [mirror, dead] = await Promise.all([RegistryServer.start(), deadHost()]);
    const endpoint = (host: string, isMirror: boolean) => ({
      repository: { host, path: 'a/b' },
      insecure: true,
      isMirror,
    });
    registry = registryClient({
      transport,
      routes: {
        endpoints: async () => [
          endpoint(dead, true),
          endpoint(mirror.host, true),
          endpoint(server.host, false),
        ],
      },
      logger: { ...silentLogger, warn: (fields) => void warnings.push(fields) },
    });
    images = imagesWith(noShortNames);
    warnings.length = 0;
  });

  afterEach(() => mirror.close());

  it('takes the next place when a mirror is down and one lies about a layer', async () => {
    const image = makeImage({ layers: layersOf(3) });
    mirror.add(image, 'v1');
    server.add(image, 'v1');
    const lie = image.layerBlobs[1]!;
    mirror.addBlob(digestOf(lie), Buffer.alloc(lie.length, 7));
    assert.equal(await pull('a/b:v1'), image.id);
    assert.deepEqual(images.find(image.id)?.repoTags, [`${server.host}/a/b:v1`]);
    assert.equal(warnings.length, 2);
    assert.match(JSON.stringify(warnings[0]), /connection refused/);
    assert.match(JSON.stringify(warnings[1]), /digest/);
    assert.equal(store.staged.size, 0);
  });

  it('takes the next place when a mirror has the manifest but not a layer', async () => {
    const image = makeImage({ layers: layersOf(2) });
    mirror.addManifest(image.manifest, image.manifestType, 'v1');
    server.add(image, 'v1');
    assert.equal(await pull('a/b:v1'), image.id);
  });

  it('tells what each place said when all fail', async () => {
    mirror.intercept = (_request, response, path) => {
      if (path !== '/v2/') response.writeHead(403).end();
      return path !== '/v2/';
    };
    await assertRefused(
      'a/b:v1',
      'not-found',
      new RegExp(
        `^manifest "v1" of "a/b" was not found in registry "${server.host}": the repository has no such tag or digest \\(tried before: ` +
          `mirror "${dead}/a/b": registry "${dead}" is unavailable: connection refused; ` +
          `mirror "${mirror.host}/a/b": registry "${mirror.host}" refuses .*access denied without credentials\\)$`,
      ),
    );
  });

  it('does not ask other places for room on this disk', async () => {
    const image = makeImage();
    mirror.add(image, 'v1');
    server.add(image, 'v1');
    store.before = (step) => {
      if (step === 'stage') throw new DaemonError('resource-exhausted', 'the disk is full');
    };
    await assertRefused('a/b:v1', 'resource-exhausted', /^the disk is full \(tried before: mirror/);
    assert.deepEqual(server.requests, []);
  });
});

describe('pull from a hostile registry', () => {
  it('is given up when the registry is silent for longer than the limit', async () => {
    images = imagesWith(noShortNames, 100);
    server.intercept = (_request, _response, path) => path.includes('manifests');
    await assert.rejects(pull('a/c:v1'), {
      kind: 'unknown',
      message: `RegistryUnavailable: registry "${server.host}" gave nothing of image "${server.host}/a/c:v1" for 0.1 s, the limit that pull_progress_timeout sets`,
    });
  });

  for (const step of ['stage', 'commit', 'create'] as const) {
    it(`leaves nothing when the store fails at ${step}`, async () => {
      server.add(makeImage({ layers: layersOf(4) }), 'v1');
      let calls = 0;
      store.before = (at) => {
        calls += at === step ? 1 : 0;
        if (at === step && (step !== 'stage' || calls === 3)) throw new DaemonError('internal', 'planted');
      };
      await assertRefused('a/b:v1', 'internal', /planted/);
    });
  }

  it('refuses a manifest of another digest', async () => {
    const [asked, given] = [makeImage(), makeImage({ user: 'evil' })];
    server.add(given);
    server.intercept = (_request, response, path) => {
      if (!path.includes('/manifests/')) return false;
      response.writeHead(200, { 'content-type': given.manifestType }).end(given.manifest);
      return true;
    };
    await assertRefused(`a/b@${asked.manifestDigest}`, 'failed-precondition', /document with digest/);
  });

  it('refuses a layer of another digest', async () => {
    const image = makeImage({ layers: layersOf(3) });
    server.add(image, 'v1');
    const blob = image.layerBlobs[1] ?? Buffer.alloc(0);
    server.addBlob(digestOf(blob), Buffer.alloc(blob.length, 7));
    await assertRefused('a/b:v1', 'failed-precondition', /blob digest/);
  });

  it('refuses a layer of another size', async () => {
    const image = makeImage({ layers: layersOf(3) });
    server.add(image, 'v1');
    const blob = image.layerBlobs[1] ?? Buffer.alloc(0);
    server.addBlob(digestOf(blob), Buffer.concat([blob, blob]));
    await assertRefused('a/b:v1', 'failed-precondition', /where the manifest says/);
  });

  it('stops at the size of the manifest when the registry does not say how much it sends', async () => {
    const image = makeImage();
    server.add(image, 'v1');
    server.intercept = (_request, response, path) => {
      if (!path.endsWith(digestOf(image.layerBlobs[0] ?? Buffer.alloc(0)))) return false;
      response.writeHead(200);
      const pour = (): boolean => response.write(Buffer.alloc(65536));
      response.on('drain', pour);
      pour();
      return true;
    };
    await assertRefused('a/b:v1', 'failed-precondition', /sent more bytes/);
  });

  it('refuses a config of another digest', async () => {
    const image = makeImage();
    server.add(image, 'v1');
    server.addBlob(digestOf(image.config), Buffer.alloc(image.config.length, 32));
    await assertRefused('a/b:v1', 'failed-precondition', /another size or digest/);
  });

  it('refuses a manifest of more than 4 MiB', async () => {
    server.addManifest(Buffer.alloc(5 * 1024 * 1024, 32), 'application/vnd.oci.image.manifest.v1+json', 'v1');
    await assertRefused('a/b:v1', 'failed-precondition', /more than 4194304 bytes/);
  });

  it('refuses a document that is both list and image', async () => {
    const image = makeImage();
    const both = { ...(JSON.parse(image.manifest.toString()) as object), manifests: [] };
    server.addManifest(Buffer.from(JSON.stringify(both)), image.manifestType, 'v1');
    await assertRefused('a/b:v1', 'failed-precondition', /both a list and an image/);
  });

  it('says clearly that schema 1 is not supported', async () => {
    const type = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
    server.addManifest(Buffer.from('{"schemaVersion":1,"fsLayers":[]}'), type, 'v1');
    await assertRefused('a/b:v1', 'failed-precondition', /docker schema 1/);
  });

  it('says that an image is not there', async () => {
    await assertRefused('a/b:nothing', 'not-found', /manifest "nothing" of "a\/b" was not found/);
  });

  it('says that the registry is unavailable, with the prefix that the kubelet looks for', async () => {
    const { host } = server;
    await server.close();
    await assert.rejects(
      images.pull({ reference: `${host}/a/b:v1`, credentials: undefined, namespace: '' }, never),
      {
        kind: 'unknown',
        message: `RegistryUnavailable: registry "${host}" is unavailable: connection refused`,
      },
    );
    server = await RegistryServer.start();
  });

  it('resumes a blob after a cut connection', async () => {
    const tar = makeTar([
      { name: 'big', content: Buffer.from(Array.from({ length: 300_000 }, (_, n) => (n * n) % 251)) },
    ]);
    const image = makeImage({ layers: [tar] });
    server.add(image, 'v1');
    const blob = image.layerBlobs[0] ?? Buffer.alloc(0);
    const ranges: (string | undefined)[] = [];
    server.intercept = (request, response, path) => {
      if (!path.endsWith(digestOf(blob))) return false;
      ranges.push(request.headers.range);
      if (request.headers.range !== undefined) return false;
      response.writeHead(200, { 'content-length': blob.length });
      response.write(blob.subarray(0, 100), () => setTimeout(() => response.destroy(), 20));
      return true;
    };
    assert.equal(await pull('a/b:v1'), image.id);
    assert.deepEqual(ranges, [undefined, 'bytes=100-']);
  });

  it('gives up when each connection is cut', async () => {
    const image = makeImage();
    server.add(image, 'v1');
    const blob = image.layerBlobs[0] ?? Buffer.alloc(0);
    server.intercept = (_request, response, path) => {
      if (path.endsWith(digestOf(blob))) response.destroy();
      return path.endsWith(digestOf(blob));
    };
    await assertRefused('a/b:v1', 'unknown', /^RegistryUnavailable: .*the connection was cut$/);
  });

  it('gives up when nothing comes any more', async () => {
    const image = makeImage();
    server.add(image, 'v1');
    const blob = image.layerBlobs[0] ?? Buffer.alloc(0);
    server.intercept = (_request, response, path) => {
      if (!path.endsWith(digestOf(blob))) return false;
      response.writeHead(200, { 'content-length': blob.length });
      response.write(blob.subarray(0, 10));
      return true;
    };
    await assertRefused('a/b:v1', 'unknown', /^RegistryUnavailable: .*it does not answer$/);
  });

  it('gets blobs from another host without showing it the credentials', async () => {
    const image = makeImage();
    server.add(image, 'v1');
    const other = await RegistryServer.start();
    try {
      other.intercept = (request, response, path) => {
        sendBlob(request, response, server.blob(path.slice(1)));
        return true;
      };
      server.intercept = (request, response, path) => {
        if (request.headers.authorization !== `Basic ${Buffer.from('me:pass').toString('base64')}`) {
          response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
          return true;
        }
        const digest = /\/blobs\/(.*)$/.exec(path)?.[1];
        if (digest === undefined) return false;
        response.writeHead(307, { location: `http://${other.host}/${digest}` }).end();
        return true;
      };
      const credentials = { username: 'me', password: 'pass', identityToken: '', registryToken: '' };
      const reference = `${server.host}/a/b:v1`;
      assert.equal(await images.pull({ reference, credentials, namespace: '' }, never), image.id);
      assert.deepEqual(new Set(other.authorizations), new Set([undefined]));
      assert.equal(other.requests.length, 2);
    } finally {
      await other.close();
    }
  });

  it('gets a token from the authorization service once and uses it', async () => {
    const image = makeImage({ layers: layersOf(3) });
    server.add(image, 'v1');
    server.intercept = (request, response, path) => {
      if (path.startsWith('/token?')) {
        response.end(JSON.stringify({ token: 'abc', expires_in: 300 }));
        return true;
      }
      if (request.headers.authorization === 'Bearer abc' || path === '/v2/') return false;
      const realm = `http://${server.host}/token`;
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="s"` }).end();
      return true;
    };
    assert.equal(await pull('a/b:v1'), image.id);
    const tokens = server.requests.filter((request) => request.includes('/token'));
    assert.deepEqual(tokens, ['GET /token?service=s&scope=repository%3Aa%2Fb%3Apull']);
  });

  it('tells wrong credentials without repeating them', async () => {
    server.intercept = (_request, response, path) => {
      if (path === '/v2/') return false;
      response
        .writeHead(401, { 'www-authenticate': 'Basic realm="r"' })
        .end('{"errors":[{"code":"UNAUTHORIZED"}]}');
      return true;
    };
    const credentials = { username: 'me', password: 'geheim', identityToken: '', registryToken: '' };
    const request = { reference: `${server.host}/a/b:v1`, credentials, namespace: '' };
    await assert.rejects(images.pull(request, never), (error: unknown) => {
      assert.ok(error instanceof DaemonError);
      assert.equal(error.kind, 'unauthenticated');
      assert.match(
        error.message,
        /\(HTTP 401 UNAUTHORIZED\): it does not accept the credentials of the pull request/,
      );
      assert.doesNotMatch(error.message, /geheim/);
      return true;
    });
  });
});

describe('remove', () => {
  it('removes the image with all its names and layers', async () => {
    const image = makeImage({ layers: layersOf(3) });
    server.add(image, 'v1', 'v2');
    await pull('a/b:v1');
    await pull('c/d:v2');
    await Promise.all(
      Array.from({ length: 5 }, async () => {
        await images.remove(`${server.host}/a/b:v1`, never);
        assert.equal(images.find(image.id), undefined);
      }),
    );
    assertNothingLeft();
    await images.remove(image.id, never);
  });

  it('names the container that uses the image', async () => {
    const image = makeImage();
    server.add(image, 'v1');
    await pull('a/b:v1');
    store.inUse.set(image.id, 'c1');
    await assert.rejects(images.remove(image.id, never), { kind: 'failed-precondition', message: /"c1"/ });
  });
});
