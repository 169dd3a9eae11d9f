// policy.json with sigstore signatures, made here as cosign makes them.

import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { digestOf } from '../../internal/registry/digest.ts';
import { type MadeImage, makeImage, makeTar } from '../fakes/made-image.ts';
import { RegistryServer } from '../fakes/registry-server.ts';
import { missing } from '../harness/requirements.ts';
import { PolicyWorld, sigstorePayload } from './policy-world.ts';
import { openWorld, type World } from './storage-world.ts';

const skip = missing();
const never = new AbortController().signal;
const signatureKey = 'dev.cosignproject.cosign/signature';
const bundleKey = 'dev.sigstore.cosign/bundle';

interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

let world: World;
let node: PolicyWorld;
let server: RegistryServer;
let image: MadeImage;
const keys: Keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });

before(async () => {
  if (skip !== false) return;
  [world, server] = await Promise.all([openWorld(), RegistryServer.start()]);
  node = new PolicyWorld(world);
  node.setPlaces('default-docker:\n  use-sigstore-attachments: true\n');
});

after(async () => {
  if (skip !== false) return;
  await Promise.all([node.close(), server.close()]);
  await world.close();
});

let made = 0;
beforeEach(async () => {
  if (skip !== false) return;
  made += 1; // each test has an image of its own: its signatures are tagged by its digest
  image = makeImage({ layers: [makeTar([{ name: 'signed', content: `signed ${made}` }])] });
  server.add(image, 'v1');
  await node.images.removeAll();
});

const repository = (): string => `${server.host}/a/b`;
const pull = (): Promise<string> =>
  node.images.pull({ reference: `${repository()}:v1`, credentials: undefined, namespace: '' }, never);

function pem(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }) as string;
}

function requireKey(key: KeyObject, rest: object = {}): object {
  const requirement = {
    type: 'sigstoreSigned',
    keyData: Buffer.from(pem(key)).toString('base64'),
    signedIdentity: { type: 'matchRepository' },
    ...rest,
  };
  node.require(requirement);
  return requirement;
}

function signatureOf(payload: string, key: KeyObject): string {
  const algorithm = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return sign(algorithm, Buffer.from(payload), key).toString('base64');
}

/** Puts a document and its annotations where cosign does. */
function attach(payload: string, annotations: Record<string, string>): void {
  const config = Buffer.from(
    '{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":[]}}',
  );
  const blob = Buffer.from(payload);
  const layer = {
    mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
    size: blob.length,
    digest: digestOf(blob),
    annotations,
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      size: config.length,
      digest: digestOf(config),
    },
    layers: [layer],
  };
  for (const bytes of [blob, config]) server.addBlob(digestOf(bytes), bytes);
  const tag = `${image.manifestDigest.replace(':', '-')}.sig`;
  server.addManifest(Buffer.from(JSON.stringify(manifest)), manifest.mediaType, tag);
}

const refusedFor = (reason: RegExp) => ({ kind: 'unknown', message: reason });

test('signatures by ECDSA, RSA and Ed25519 keys are good', { skip }, async () => {
  const payload = sigstorePayload(repository(), image.manifestDigest);
  const all: Keys[] = [
    keys,
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ed25519'),
  ];
  for (const { publicKey, privateKey } of all) {
    attach(payload, { [signatureKey]: signatureOf(payload, privateKey) });
    requireKey(publicKey);
    assert.equal(await pull(), image.id);
  }
});

test('what is wrong is told, and nothing of the image is read', { skip }, async () => {
  requireKey(keys.publicKey);
  await assert.rejects(
    pull(),
    refusedFor(/the policy asks for a sigstore signature and the image has none$/),
  );
  const good = sigstorePayload(repository(), image.manifestDigest);
  attach(good, {});
  await assert.rejects(pull(), refusedFor(/the signature has no annotation dev\.cosignproject/));
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  attach(good, { [signatureKey]: signatureOf(good, stranger.privateKey) });
  await assert.rejects(
    pull(),
    refusedFor(/was not made with a key that the policy trusts, or its content was changed/),
  );
  const other = sigstorePayload(repository(), `sha256:${'0'.repeat(64)}`);
  attach(other, { [signatureKey]: signatureOf(other, keys.privateKey) });
  await assert.rejects(pull(), refusedFor(/is for digest sha256:0{64}, the image has/));
  const renamed = sigstorePayload(`${server.host}/a/c`, image.manifestDigest);
  attach(renamed, { [signatureKey]: signatureOf(renamed, keys.privateKey) });
  await assert.rejects(pull(), refusedFor(/is for the name ".*\/a\/c", which is not the image's/));
  requireKey(keys.publicKey, { keyData: undefined, fulcio: { oidcIssuer: 'x' } });
  await assert.rejects(pull(), refusedFor(/trusts "fulcio" certificates, which are not supported: use keys/));
  const [config] = [...image.blobs.keys()];
  assert.ok(!server.requests.some((request) => request.endsWith(config ?? '')));
});

test('a signature outlives the pull: it is checked again when a container is made', { skip }, async () => {
  const payload = sigstorePayload(repository(), image.manifestDigest);
  attach(payload, { [signatureKey]: signatureOf(payload, keys.privateKey) });
  node.require({ type: 'insecureAcceptAnything' });
  const id = await pull();
  requireKey(keys.publicKey);
  await node.images.admit(id, `${repository()}:v1`, '', never);
  requireKey(generateKeyPairSync('ed25519').publicKey);
  await assert.rejects(
    node.images.admit(id, `${repository()}:v1`, '', never),
    refusedFor(/key that the policy trusts/),
  );
});

function logEntry(payload: string, signature: string, by: Keys, rekor: KeyObject): string {
  const hash = { algorithm: 'sha256', value: createHash('sha256').update(payload).digest('hex') };
  const publicKey = { content: Buffer.from(pem(by.publicKey)).toString('base64') };
  const spec = { data: { hash }, signature: { content: signature, publicKey } };
  const body = Buffer.from(JSON.stringify({ apiVersion: '0.0.1', kind: 'hashedrekord', spec })).toString(
    'base64',
  );
  const entry = { body, integratedTime: 1_700_000_000, logID: 'ab'.repeat(32), logIndex: 7 };
  return JSON.stringify({ SignedEntryTimestamp: signatureOf(JSON.stringify(entry), rekor), Payload: entry });
}

test('with a rekor key the log must have seen just this signature', { skip }, async () => {
  const rekor = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rekorFile = join(world.directory, 'rekor.pem');
  writeFileSync(rekorFile, pem(rekor.publicKey));
  requireKey(keys.publicKey, { rekorPublicKeyPath: rekorFile });
  const payload = sigstorePayload(repository(), image.manifestDigest);
  const signature = signatureOf(payload, keys.privateKey);
  const attachWith = (bundle: string): void =>
    attach(payload, { [signatureKey]: signature, [bundleKey]: bundle });
  attach(payload, { [signatureKey]: signature });
  await assert.rejects(pull(), refusedFor(/has no proof of the transparency log/));
  attachWith(logEntry(payload, signature, keys, keys.privateKey));
  await assert.rejects(pull(), refusedFor(/is not signed with a rekor key of the policy/));
  attachWith(logEntry(`${payload} `, signature, keys, rekor.privateKey));
  await assert.rejects(pull(), refusedFor(/the entry is of another document/));
  attachWith(logEntry(payload, signatureOf(payload, keys.privateKey), keys, rekor.privateKey));
  await assert.rejects(pull(), refusedFor(/the entry is of another signature/)); // ECDSA is never the same twice
  attachWith(logEntry(payload, signature, generateKeyPairSync('ed25519'), rekor.privateKey));
  await assert.rejects(pull(), refusedFor(/the entry is of another key/));
  attachWith(logEntry(payload, signature, keys, rekor.privateKey));
  assert.equal(await pull(), image.id);
});
