// policy.json with real GPG signatures: those that skopeo makes, and those that are wrong in each way.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Digest } from '../../internal/registry/registry.ts';
import { type MadeImage, makeImage, makeTar } from '../fakes/made-image.ts';
import { RegistryServer } from '../fakes/registry-server.ts';
import { command } from '../harness/command.ts';
import { GpgHome } from '../harness/gpg-home.ts';
import { TestRegistry } from '../harness/registry.ts';
import { missing } from '../harness/requirements.ts';
import { defaultPolicy } from './image-world.ts';
import { PolicyWorld, simpleSigningPayload } from './policy-world.ts';
import { openWorld, type World } from './storage-world.ts';

const skip = missing('gpg', 'gpgv', 'skopeo', 'docker-registry');
const never = new AbortController().signal;
const trusted = 'trusted@example.test';
const stranger = 'stranger@example.test';

let world: World;
let node: PolicyWorld;
let server: RegistryServer;
let gpg: GpgHome;
let image: MadeImage;
let keyFile: string;

before(async () => {
  if (skip !== false) return;
  [world, server] = await Promise.all([openWorld(), RegistryServer.start()]);
  node = new PolicyWorld(world);
  gpg = new GpgHome();
  for (const address of [trusted, stranger]) gpg.makeKey(address);
  keyFile = join(world.directory, 'trusted.asc');
  writeFileSync(keyFile, gpg.exportKey(trusted, true));
  image = makeImage({ layers: [makeTar([{ name: 'signed', content: 'signed' }])] });
  server.add(image, 'v1', 'v2');
});

after(async () => {
  if (skip !== false) return;
  gpg.close();
  await Promise.all([node.close(), server.close()]);
  await world.close();
});

beforeEach(async () => {
  if (skip !== false) return;
  server.requests.length = 0;
  node.require(signedBy());
  await node.images.removeAll();
});

function signedBy(rest: object = { keyPath: keyFile }): object {
  return { type: 'signedBy', keyType: 'GPGKeys', ...rest };
}

const pull = (reference: string, namespace = ''): Promise<string> =>
  node.images.pull({ reference, credentials: undefined, namespace }, never);

const refusedFor = (reason: RegExp) => (error: Error & { kind?: string }) => {
  assert.equal(error.kind, 'unknown');
  assert.match(error.message, /^SignatureValidationFailed: image ".*" is refused: /);
  assert.match(error.message, reason);
  return true;
};

function sign(path: string, reference: string, digest: Digest = image.manifestDigest, by = trusted): void {
  const signature = gpg.sign(by, simpleSigningPayload(`${server.host}/${reference}`, digest));
  node.addSignature(path, image.manifestDigest, signature);
}

test('an image without a signature is refused before anything of it is read', { skip }, async () => {
  const reason = /the policy asks for a GPG signature and the image has none$/;
  await assert.rejects(pull(`${server.host}/none:v1`), refusedFor(reason));
  assert.deepEqual(
    server.requests.filter((request) => request.includes('/blobs/')),
    [],
  );
  assert.equal(node.images.list().length, 0);
});

test('a signed image is pulled by tag and by digest, with keys of every form', { skip }, async () => {
  sign('good', 'good:v1');
  const binary = gpg.exportKey(trusted);
  const other = join(world.directory, 'other.gpg');
  writeFileSync(other, gpg.exportKey(stranger));
  for (const keys of [
    { keyPath: keyFile },
    { keyPaths: [other, keyFile] },
    { keyData: binary.toString('base64') },
  ]) {
    node.require(signedBy(keys));
    assert.equal(await pull(`${server.host}/good:v1`), image.id);
  }
  assert.equal(await pull(`${server.host}/good@${image.manifestDigest}`), image.id);
});

test('one good signature among bad ones is enough', { skip }, async () => {
  sign('several', 'several:v1', image.manifestDigest, stranger);
  const good = gpg.sign(trusted, simpleSigningPayload(`${server.host}/several:v1`, image.manifestDigest));
  node.addSignature('several', image.manifestDigest, good, 2);
  assert.equal(await pull(`${server.host}/several:v1`), image.id);
});

test('each signature that is wrong is refused in its own words', { skip }, async () => {
  sign('name', 'name:v2');
  await assert.rejects(pull(`${server.host}/name:v1`), refusedFor(/is for the name ".*\/name:v2"/));
  sign('digest', 'digest:v1', `sha256:${'0'.repeat(64)}`);
  await assert.rejects(
    pull(`${server.host}/digest:v1`),
    refusedFor(/is for digest sha256:0{64}, the image has/),
  );
  sign('stranger', 'stranger:v1', image.manifestDigest, stranger);
  await assert.rejects(
    pull(`${server.host}/stranger:v1`),
    refusedFor(/a key that the policy does not trust/),
  );
  const claim = simpleSigningPayload(`${server.host}/broken:v1`, image.manifestDigest);
  node.addSignature('broken', image.manifestDigest, gpg.signAndChange(trusted, claim));
  await assert.rejects(
    pull(`${server.host}/broken:v1`),
    refusedFor(/is not genuine: its content was changed/),
  );
  node.addSignature('text', image.manifestDigest, Buffer.from(claim));
  await assert.rejects(pull(`${server.host}/text:v1`), refusedFor(/is no OpenPGP signature/));
  node.addSignature('junk', image.manifestDigest, gpg.sign(trusted, '{"critical":{}}'));
  await assert.rejects(pull(`${server.host}/junk:v1`), refusedFor(/has no key "optional"/));
  node.addSignature('future', image.manifestDigest, Buffer.from('\0newer-format\nx'));
  await assert.rejects(pull(`${server.host}/future:v1`), refusedFor(/unknown format/));
});

test('expired and revoked keys do not sign', { skip }, async () => {
  const [old, lost] = ['old@example.test', 'lost@example.test'];
  gpg.makeKey(old, 2);
  gpg.makeKey(lost);
  const claim = (name: string): string =>
    simpleSigningPayload(`${server.host}/${name}`, image.manifestDigest);
  node.addSignature('old', image.manifestDigest, gpg.sign(old, claim('old:v1'), { inThePast: true }));
  node.addSignature('lost', image.manifestDigest, gpg.sign(lost, claim('lost:v1')));
  node.require(signedBy({ keyData: gpg.exportKey(lost).toString('base64') }));
  assert.equal(await pull(`${server.host}/lost:v1`), image.id);
  gpg.revoke(lost);
  node.require(signedBy({ keyData: gpg.exportKey(lost).toString('base64') }));
  await assert.rejects(pull(`${server.host}/lost:v1`), refusedFor(/a key that is revoked/));
  node.require(signedBy({ keyData: gpg.exportKey(old).toString('base64') }));
  await assert.rejects(pull(`${server.host}/old:v1`), refusedFor(/a key that has expired/));
});

test('a policy that cannot be used refuses, and is read again when it changes', { skip }, async () => {
  sign('again', 'again:v1');
  node.require({ type: 'reject' });
  await assert.rejects(pull(`${server.host}/again:v1`), refusedFor(/the policy rejects it/));
  node.require(signedBy());
  assert.equal(await pull(`${server.host}/again:v1`), image.id);
  writeFileSync(node.policyFile, '{"default":[{"type":"signedByMagic"}]}');
  await assert.rejects(pull(`${server.host}/again:v1`), {
    kind: 'unknown',
    message:
      /^SignatureValidationFailed: signature policy \S+ cannot be used: default\[0\] has an unknown type/,
  });
  world.shell(`rm ${node.policyFile}`);
  await assert.rejects(pull(`${server.host}/again:v1`), {
    message: /does not exist: create it or set signature_policy$/,
  });
  node.require(signedBy({ keyPath: '/no/such/key' }));
  await assert.rejects(
    pull(`${server.host}/again:v1`),
    refusedFor(/key file "\/no\/such\/key" of the policy cannot be read/),
  );
});

test("a namespace's policy replaces the node's, at the pull and when a container is made", {
  skip,
}, async () => {
  sign('spaces', 'spaces:v1');
  node.require({ type: 'insecureAcceptAnything' });
  node.requireIn('strict', signedBy());
  node.requireIn('closed', { type: 'reject' });
  const [signed, unsigned] = [`${server.host}/spaces:v1`, `${server.host}/spaces:v2`];
  await assert.rejects(pull(unsigned, 'strict'), refusedFor(/spaces:v1", which is not the image's/));
  const id = await pull(unsigned, 'lax');
  const admit = (name: string, namespace: string): Promise<void> =>
    node.images.admit(id, name, namespace, never);
  await admit(unsigned, 'lax');
  await admit(signed, 'strict'); // by the signature that was kept with the image
  await assert.rejects(admit(unsigned, 'strict'), refusedFor(/which is not the image's/));
  await assert.rejects(admit(id, 'closed'), refusedFor(/the policy rejects it/));
  await pull(signed, 'strict');
  await admit(id, 'strict'); // one of its names is good
});

/** What a store has of the image's signatures: metadata, and the files with their contents. */
function signaturesIn(graphRoot: string): { metadata: object; files: string[][] } {
  const images = join(graphRoot, 'overlay-images');
  const records = JSON.parse(readFileSync(join(images, 'images.json'), 'utf8')) as {
    id: string;
    metadata: string;
  }[];
  const record = records.find(({ id }) => id === image.id);
  const names = readdirSync(join(images, image.id)).filter(
    (name) => name.startsWith('signature') || name.startsWith('='),
  );
  const files = names
    .filter(
      (name) =>
        name === 'signatures' || Buffer.from(name.slice(1), 'base64').toString().startsWith('signature-'),
    )
    .sort()
    .map((name) => [name, readFileSync(join(images, image.id, name), 'base64')]);
  return { metadata: JSON.parse(record?.metadata ?? '') as object, files };
}

test('signatures of skopeo are good, and the store keeps them as skopeo does', { skip }, async () => {
  const registry = await TestRegistry.start();
  try {
    const layout = node.images.writeLayout(image);
    const reference = `${registry.host}/by/skopeo:v1`;
    const places = join(world.directory, 'staging.d');
    mkdirSync(places, { recursive: true });
    writeFileSync(
      join(places, 'all.yaml'),
      `default-docker:\n  sigstore-staging: file://${node.lookaside}\n`,
    );
    const policy = defaultPolicy(world.directory);
    const flags = ['--policy', policy, '--registries.d', places, 'copy', '--dest-tls-verify=false'];
    const signing = ['--sign-by', trusted, `oci:${layout}`, `docker://${reference}`];
    await command(['skopeo', ...flags, ...signing], { env: gpg.env });
    assert.equal(await pull(reference), image.id);
    await assert.rejects(pull(`${registry.host}/by/skopeo:none`), { kind: 'not-found' });
    // The same files and the same record as skopeo's own.
    const theirs = `[overlay@${world.directory}/their-graph+${world.directory}/their-run]`;
    const from = [
      '--src-tls-verify=false',
      `docker://${reference}`,
      `containers-storage:${theirs}${reference}`,
    ];
    const places2 = ['--registries.d', node.placesDirectory];
    await command(['skopeo', '--policy', policy, ...places2, 'copy', ...from], { env: gpg.env });
    world.shell(`umount -l ${world.directory}/their-graph/overlay`); // skopeo leaves it
    const [ours, skopeos] = [world.graphRoot, `${world.directory}/their-graph`].map(signaturesIn);
    assert.deepEqual(ours, skopeos);
    assert.equal(ours?.files.length, 2);
  } finally {
    await registry.stop();
  }
});

test('a lookaside may be a web server', { skip }, async () => {
  sign('web', 'web:v1');
  const web = createServer((request, response) => {
    const path = join(node.lookaside, decodeURIComponent((request.url ?? '').replace(/^\/below/, '')));
    if (existsSync(path)) response.end(readFileSync(path));
    else response.writeHead(request.url?.includes('teapot') ? 418 : 404).end();
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = web.address() as AddressInfo;
    node.setPlaces(`docker:\n  ${server.host}:\n    lookaside: http://127.0.0.1:${port}/below/\n`);
    assert.equal(await pull(`${server.host}/web:v1`), image.id);
    await assert.rejects(pull(`${server.host}/none:v1`), refusedFor(/the image has none$/));
    await assert.rejects(
      pull(`${server.host}/teapot:v1`),
      refusedFor(/lookaside server "\S+" answers with HTTP 418/),
    );
  } finally {
    node.setPlaces(`default-docker:\n  lookaside: file://${node.lookaside}\n`);
    web.closeAllConnections();
    web.close();
  }
});

test('an archive has no signature', { skip }, async () => {
  const layout = node.images.writeLayout(image, 'localhost/archive:1');
  const load = (): Promise<readonly string[]> => node.images.load(layout, [], never);
  await assert.rejects(load(), refusedFor(/the policy asks for a signature, which archives do not have/));
  const transports = { oci: { [world.directory]: [{ type: 'insecureAcceptAnything' }] } };
  writeFileSync(node.policyFile, JSON.stringify({ default: [{ type: 'reject' }], transports }));
  assert.deepEqual(await load(), [image.id]);
});
