// Mirrors, blocks and short names of registries.conf, as a node's operator sees them: who is asked, in which order, and
// what is told when nobody has the image.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { freePort } from '../harness/host-network.ts';
import { digestOf } from '../harness/oci-layout.ts';
import { PullWorld } from '../harness/pull-world.ts';
import { RegistryFront } from '../harness/registry-front.ts';
import { missing } from '../harness/requirements.ts';

describe('a registry with mirrors', { skip: missing('runc', 'docker-registry', 'skopeo', 'crictl') }, () => {
  let world: PullWorld;
  let mirror: RegistryFront;
  let primary: RegistryFront;
  let dead: string;

  before(async () => {
    world = await PullWorld.open();
    dead = `127.0.0.1:${await freePort()}`;
    await world.daemon.start();
  });

  after(() => world?.close());

  beforeEach(async () => {
    [mirror, primary] = await Promise.all([
      RegistryFront.start(world.registry.host),
      RegistryFront.start(world.registry.host),
    ]);
  });

  afterEach(() => Promise.all([mirror.close(), primary.close()]));

  /** `hub.example` is the primary, with these mirrors before it. */
  function configure(mirrors: readonly string[], extra = ''): void {
    const tables = mirrors.map((host) => `[[registry.mirror]]\nlocation = "${host}"\ninsecure = true\n`);
    world.setRegistries(
      `[[registry]]\nprefix = "hub.example"\nlocation = "${primary.host}"\ninsecure = true\n${extra}\n${tables.join('')}`,
    );
  }

  function asked(front: RegistryFront): string[] {
    return front.lines().filter((line) => line !== 'GET /v2/');
  }

  test('a mirror is asked before the registry, which is then not needed', async () => {
    configure([mirror.host]);
    assert.equal(await world.pull('hub.example'), world.image.id);
    assert.deepEqual(primary.lines(), []);
    assert.equal(asked(mirror).length, 5); // manifest, config, three layers
  });

  test('a mirror that is down and one that has nothing give way', async () => {
    mirror.misbehave = (_request, response) => {
      response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
      return true;
    };
    configure([dead, mirror.host]);
    assert.equal(await world.pull('hub.example'), world.image.id);
    assert.equal(asked(primary).length, 5);
    assert.match(world.log(), /mirror did not give the image.*connection refused/);
  });

  test('a mirror that lies about a layer gives way, and nothing of the lie stays', async () => {
    const lie = Buffer.alloc(5000, 'lie');
    mirror.misbehave = ({ url }, response) => {
      const isLayer = url?.includes('/blobs/') === true && !url.endsWith(world.image.id);
      if (isLayer) response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(lie);
      return isLayer;
    };
    configure([mirror.host]);
    assert.equal(await world.pull('hub.example'), world.image.id);
    assert.ok(asked(primary).length >= 4);
    assert.match(world.log(), /mirror did not give the image.*(digest|bytes for blob)/);
  });

  test('a mirror that lies about the manifest gives way', async () => {
    const lie = Buffer.from('{"schemaVersion":2}');
    mirror.misbehave = ({ url }, response) => {
      const isManifest = url?.includes('/manifests/') === true;
      if (isManifest)
        response.writeHead(200, { 'docker-content-digest': digestOf(Buffer.from('x')) }).end(lie);
      return isManifest;
    };
    configure([mirror.host]);
    assert.equal(await world.pull('hub.example'), world.image.id);
    assert.match(world.log(), /gave for manifest .* a document with digest sha256/);
  });

  test('when all fail, what each said is told, the last word first', async () => {
    for (const front of [mirror, primary]) {
      front.misbehave = (_request, response) => {
        response.writeHead(front === mirror ? 403 : 404).end();
        return true;
      };
    }
    configure([dead, mirror.host]);
    const { code, details } = await world.refusal('hub.example');
    assert.equal(code, status.NOT_FOUND);
    const [first, ...rest] = details.split(' (tried before: ');
    assert.equal(first, `manifest "v1" of "team/three" was not found in registry "${primary.host}"`);
    const told = rest.join().split('; ');
    assert.match(told[0] ?? '', new RegExp(`^mirror "${dead}/team/three": .*connection refused$`));
    assert.match(
      told[1] ?? '',
      new RegExp(`^mirror "${mirror.host}/team/three": .*access denied without credentials`),
    );
  });

  test('a registry that is away has the reason that the kubelet knows', async () => {
    world.setRegistries(`[[registry]]\nlocation = "${dead}"\ninsecure = true\n`);
    const { code, details } = await world.refusal(dead);
    assert.equal(code, status.UNKNOWN);
    assert.equal(details, `RegistryUnavailable: registry "${dead}" is unavailable: connection refused`);
    const nowhere = await world.refusal('registry.invalid');
    assert.equal(nowhere.code, status.UNKNOWN);
    assert.match(
      nowhere.details,
      /^RegistryUnavailable: registry "registry\.invalid" is unavailable: its name cannot be resolved/,
    );
  });

  test('mirrors for digests only are not asked for tags', async () => {
    configure([mirror.host], 'mirror-by-digest-only = true');
    await world.pull('hub.example');
    assert.deepEqual(mirror.lines(), []);
    const image = { image: `hub.example/team/three@${world.image.manifestDigest}` };
    const { imageRef } = await world.daemon.client.image('PullImage', { image });
    await world.daemon.client.image('RemoveImage', { image: { image: imageRef } });
    assert.equal(asked(mirror).length, 5);
  });

  test('a blocked registry is refused, and a broken file changes nothing', async () => {
    configure([], 'blocked = true');
    const { code, details } = await world.refusal('hub.example');
    assert.equal(code, status.FAILED_PRECONDITION);
    assert.match(details, /registry "hub\.example" is blocked/);
    world.setRegistries('[[registry');
    assert.match((await world.refusal('hub.example')).details, /is blocked/);
    assert.match(world.log(), /changed registry configuration cannot be used.*registries\.conf/);
  });

  test('short names mean what the aliases and the search list say', async () => {
    const folder = `${world.daemon.paths.registriesConf}.d`;
    mkdirSync(folder);
    writeFileSync(`${folder}/10.conf`, `[aliases]\nshorty = "${primary.host}/team/three"\n`);
    const insecure = `[[registry]]\nlocation = "${primary.host}"\ninsecure = true\n`;
    world.setRegistries(insecure);
    const pullOf = async (name: string): Promise<string> => {
      const { imageRef } = await world.daemon.client.image('PullImage', { image: { image: name } });
      await world.daemon.client.image('RemoveImage', { image: { image: imageRef } });
      return imageRef;
    };
    assert.equal(await pullOf('shorty:v1'), world.image.id);
    await assert.rejects(pullOf('team/three:v1'), /has no registry: write it in full/);
    world.setRegistries(`unqualified-search-registries = ["${primary.host}"]\n${insecure}`);
    assert.equal(await pullOf('team/three:v1'), world.image.id);
    world.setRegistries(`unqualified-search-registries = ["${primary.host}", "other.example"]\n${insecure}`);
    await assert.rejects(pullOf('team/three:v1'), /is ambiguous \(127.*, other\.example\)/);
  });
});
