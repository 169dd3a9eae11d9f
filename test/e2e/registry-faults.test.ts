// Registries and networks with faults: cut connections, redirects, busy answers, proxies of the image formats.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { command } from '../harness/command.ts';
import { digestOf } from '../harness/oci-layout.ts';
import { PullWorld } from '../harness/pull-world.ts';
import { passwordAuth, type TestRegistry } from '../harness/registry.ts';
import { RegistryFront } from '../harness/registry-front.ts';
import { missing } from '../harness/requirements.ts';

const silenceSeconds = 15;
const mebibyte = 1024 * 1024;
const me = { username: 'me', password: 'geheim' };

describe('a registry with faults', { skip: missing('runc', 'docker-registry', 'skopeo', 'crictl') }, () => {
  let world: PullWorld;
  let front: RegistryFront;
  let other: RegistryFront;

  before(async () => {
    world = await PullWorld.open(`pull_progress_timeout = "${silenceSeconds}s"`);
    await world.daemon.start();
  });

  after(() => world?.close());

  beforeEach(async () => {
    [front, other] = await Promise.all([
      RegistryFront.start(world.registry.host),
      RegistryFront.start(world.registry.host),
    ]);
    allowPlain(front.host);
  });

  afterEach(() => Promise.all([front.close(), other.close()]));

  function allowPlain(...hosts: readonly string[]): void {
    const tables = hosts.map((host) => `[[registry]]\nlocation = "${host}"\ninsecure = true\n`);
    world.setRegistries(tables.join(''));
  }

  test('a connection that is cut every MiB is taken up where it was cut', async () => {
    front.cutAfterBytes = mebibyte;
    assert.equal(await world.pull(front.host), world.image.id);
    const ranges = front.requests.flatMap(({ headers }) => headers.range ?? []);
    assert.equal(ranges.length, 5, ranges.join(' '));
    assert.match(ranges[0] ?? '', /^bytes=\d+-$/);
    // once, but for what was under way when a connection was cut
    const once = world.bigLayerBytes + 64 * 1024;
    assert.ok(front.servedBytes >= world.bigLayerBytes, `${front.servedBytes} bytes`);
    assert.ok(front.servedBytes < once + 5 * 64 * 1024, `${front.servedBytes} bytes`);
  });

  test('a registry that knows no ranges is asked again, and what came twice is dropped', async () => {
    const ranges: string[] = [];
    front.cutAfterBytes = 3 * mebibyte;
    front.misbehave = ({ headers }) => {
      if (headers.range !== undefined) {
        ranges.push(headers.range);
        delete headers.range;
        front.cutAfterBytes = Number.POSITIVE_INFINITY;
      }
      return false;
    };
    assert.equal(await world.pull(front.host), world.image.id);
    assert.equal(ranges.length, 1, ranges.join(' '));
    assert.ok(front.servedBytes > world.bigLayerBytes + 2 * mebibyte, `${front.servedBytes} bytes`);
  });

  test('a registry that restarts in the midst of a layer is waited for', async () => {
    front.cutAfterBytes = 2 * mebibyte;
    front.misbehave = ({ headers }) => {
      if (headers.range !== undefined) front.cutAfterBytes = Number.POSITIVE_INFINITY;
      return false;
    };
    const pulled = world.pull(front.host);
    while (front.servedBytes < 2 * mebibyte) await sleep(2);
    const restarted = front.restart(300);
    assert.equal(await pulled, world.image.id);
    await restarted;
  });

  test('a blob on another host is fetched there, without our credentials', async () => {
    const guarded: TestRegistry = await world.registry.another({ auth: passwordAuth(world.folder) });
    const door = await RegistryFront.start(guarded.host);
    try {
      allowPlain(door.host);
      door.misbehave = ({ url = '' }, response) => {
        if (!url.includes('/blobs/')) return false;
        response.writeHead(307, { location: `http://${other.host}${url}?signature=x` }).end();
        return true;
      };
      assert.equal(await world.pull(door.host, me), world.image.id);
      assert.equal(other.requests.length, 4);
      assert.ok(door.requests.some(({ headers }) => headers.authorization !== undefined));
      for (const { headers } of other.requests) {
        assert.equal(headers.authorization, undefined);
        assert.equal(headers.cookie, undefined);
      }
      assert.ok(!world.log().includes('signature=x'));
    } finally {
      await door.close();
    }
  });

  test('a busy registry is waited for as long as it asks', async () => {
    let busy = 3;
    front.misbehave = ({ url = '' }, response) => {
      if (url === '/v2/' || busy === 0) return false;
      busy -= 1;
      response.writeHead(busy === 0 ? 503 : 429, { 'retry-after': '0' }).end();
      return true;
    };
    assert.equal(await world.pull(front.host), world.image.id);
    assert.equal(busy, 0);
  });

  test('a list in a list is followed, one in a list in a list is not', async () => {
    const nested = await putIndex(world.image.manifestDigest, 'application/vnd.oci.image.manifest.v1+json');
    const twice = await putIndex(nested, indexType);
    const thrice = await putIndex(twice, indexType);
    const pullOf = (digest: string) =>
      world.daemon.client.image('PullImage', { image: { image: `${front.host}/team/three@${digest}` } });
    assert.equal((await pullOf(twice)).imageRef, world.image.id);
    await assert.rejects(pullOf(thrice), /lists are nested more than 2 deep/);
  });

  const indexType = 'application/vnd.oci.image.index.v1+json';

  /** Pushes an index with one entry, for this platform if the entry is an image. */
  async function putIndex(digest: string, mediaType: string): Promise<string> {
    const url = `http://${world.registry.host}/v2/team/three/manifests`;
    const size = (await (await fetch(`${url}/${digest}`, { headers: { accept: mediaType } })).arrayBuffer())
      .byteLength;
    const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
    const platform = mediaType === indexType ? {} : { platform: { os: 'linux', architecture } };
    const manifests = [{ mediaType, digest, size, ...platform }];
    const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests }));
    const name = digestOf(body);
    const answer = await fetch(`${url}/${name}`, {
      method: 'PUT',
      headers: { 'content-type': indexType },
      body,
    });
    assert.equal(answer.status, 201, await answer.text());
    return name;
  }

  test('zstd layers and layers without compression are pulled', async () => {
    const layout = join(world.folder, 'layout');
    for (const [tag, layerType, flags] of [
      ['zstd', '.tar+zstd"', ['--dest-compress-format', 'zstd', '--dest-compress']],
      ['plain', '.tar"', ['--dest-decompress']],
    ] as const) {
      const copy = `dir:${join(world.folder, tag)}`;
      const policy = ['--policy', world.daemon.paths.policy];
      await command(['skopeo', 'copy', ...policy, ...flags, `oci:${layout}`, copy]);
      assert.ok(readFileSync(join(world.folder, tag, 'manifest.json'), 'utf8').includes(layerType), tag);
      const target = `docker://${world.registry.host}/team/${tag}:v1`;
      await command([
        'skopeo',
        'copy',
        ...policy,
        '--dest-tls-verify=false',
        '--preserve-digests',
        copy,
        target,
      ]);
      const image = { image: `${front.host}/team/${tag}:v1` };
      const { imageRef } = await world.daemon.client.image('PullImage', { image });
      await world.daemon.client.image('RemoveImage', { image: { image: imageRef } });
      assert.equal(imageRef, world.image.id, tag);
    }
  });

  test('answers without an end or a meaning are given up, and the daemon goes on', async () => {
    const endless = (response: ServerResponse): void => {
      const piece = Buffer.alloc(mebibyte, ' ');
      const pour = (): void => {
        while (!response.destroyed && response.write(piece));
      };
      response.on('drain', pour);
      pour();
    };
    const cases: [RegExp, (response: ServerResponse) => void][] = [
      [
        /manifest "v1" of "team\/three" with more than 4194304 bytes/,
        (response) => endless(response.writeHead(200)),
      ],
      [/is not valid JSON/, (response) => response.writeHead(200).end('<html>')],
      [
        /sent manifest .* compressed/,
        (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
      ],
      [/too large a header/, (response) => response.writeHead(200, { 'x-much': 'y'.repeat(70_000) }).end()],
      [
        /redirects manifest .* more than 10 times/,
        (response) => response.writeHead(307, { location: '?again' }).end(),
      ],
      [
        /redirects to an address that is not http/,
        (response) => response.writeHead(307, { location: 'file:///etc/shadow' }).end(),
      ],
      [
        /redirects to no usable address/,
        (response) => response.writeHead(307, { location: 'http://[' }).end(),
      ],
      [/did not give manifest .* \(HTTP 418\)/, (response) => response.writeHead(418).end('x')],
      [
        /gave no usable token|names no usable authorization service/,
        (response) => response.writeHead(401, { 'www-authenticate': 'Bearer realm="nonsense"' }).end(),
      ],
    ];
    for (const [expected, misbehave] of cases) {
      front.misbehave = ({ url = '' }, response) => {
        if (!url.includes('/manifests/')) return false;
        misbehave(response);
        return true;
      };
      const { details } = await world.refusal(front.host);
      assert.match(details, expected);
    }
    front.misbehave = () => false;
    assert.equal(await world.pull(front.host), world.image.id);
  });

  test('a registry that falls silent in the midst of a layer is given up after pull_progress_timeout', async () => {
    front.misbehave = ({ url = '' }, response) => {
      if (!url.includes('/blobs/') || url.endsWith(world.image.id)) return false;
      response.writeHead(200).flushHeaders();
      return true;
    };
    const { code, details } = await world.refusal(front.host);
    assert.equal(code, status.UNKNOWN);
    assert.match(
      details,
      /^RegistryUnavailable: registry "127.* gave nothing of image ".*" for 15 s, the limit/,
    );
    front.misbehave = () => false;
    assert.equal(await world.pull(front.host), world.image.id);
  });

  test('cria image pull asks credential helpers too', async () => {
    const guarded = await world.registry.another({ auth: passwordAuth(world.folder) });
    allowPlain(guarded.host);
    const helper = join(world.folder, 'docker-credential-cli');
    writeFileSync(helper, `#!/bin/sh\necho '{"Username":"me","Secret":"geheim"}'\n`, { mode: 0o755 });
    world.writeAuth({ credHelpers: { [guarded.host]: 'cli' } });
    const image = `${guarded.host}/team/three:v1`;
    const before = process.env['PATH'];
    process.env['PATH'] = `${world.folder}:${before}`;
    const pulled = await world.daemon.attempt('image', 'pull', image);
    process.env['PATH'] = before;
    assert.equal(pulled.exitCode, 0, pulled.stderr);
    assert.ok(pulled.stdout.includes(world.image.id), pulled.stdout);
    await world.daemon.cria('image', 'remove', world.image.id);
  });
});
