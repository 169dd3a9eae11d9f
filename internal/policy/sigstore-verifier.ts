// Sigstore signatures (cosign) with static public keys, and the promise of a transparency log that it has seen them.

import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { ImageSignature } from './image-signature.ts';
import { exactObjectOf, objectOf, parseStrictJson, stringOf } from './strict-json.ts';

export type SigstoreSignature = Extract<ImageSignature, { format: 'sigstore' }>;

const sigstoreMimeType = 'application/vnd.dev.cosign.simplesigning.v1+json';
const signatureAnnotation = 'dev.cosignproject.cosign/signature';
const bundleAnnotation = 'dev.sigstore.cosign/bundle';

/** The public keys of one PEM file, which may have several. */
export function publicKeys(file: Uint8Array): KeyObject[] {
  const text = Buffer.from(file).toString('latin1');
  const blocks = text.match(/-----BEGIN PUBLIC KEY-----[\s\S]*?-----END PUBLIC KEY-----/g) ?? [];
  if (blocks.length === 0) throw new Error('holds no public key in PEM form');
  return blocks.map((block) => {
    const key = createPublicKey(block);
    if (!['ec', 'rsa', 'ed25519'].includes(key.asymmetricKeyType ?? '')) {
      throw new Error(`holds a key of type ${key.asymmetricKeyType}; ECDSA, RSA and Ed25519 are supported`);
    }
    return key;
  });
}

/**
 * The signed document, when one of `keys` made the signature and, with `rekorKeys`, the log has recorded just that;
 * throws an Error whose text continues "the signature …".
 */
export function verifySigstore(
  signature: SigstoreSignature,
  keys: readonly KeyObject[],
  rekorKeys: readonly KeyObject[] | undefined,
): Uint8Array {
  const { mimeType, payload, annotations } = signature;
  if (mimeType !== sigstoreMimeType) throw new Error(`is of unknown type ${JSON.stringify(mimeType)}`);
  const encoded = annotations[signatureAnnotation];
  if (encoded === undefined) throw new Error(`has no annotation ${signatureAnnotation}`);
  const key = keys.find((each) => isSignedBy(each, payload, Buffer.from(encoded, 'base64')));
  if (key === undefined)
    throw new Error('was not made with a key that the policy trusts, or its content was changed');
  if (rekorKeys !== undefined) requireLogged(signature, encoded, key, rekorKeys);
  return payload;
}

function isSignedBy(key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  return verify(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', data, key, signature);
}

/** Checks the log's signed entry timestamp, and that the entry is about this signature, key and document. */
function requireLogged(
  { payload, annotations }: SigstoreSignature,
  signature: string,
  key: KeyObject,
  rekorKeys: readonly KeyObject[],
): void {
  const text = annotations[bundleAnnotation];
  if (text === undefined) throw new Error('has no proof of the transparency log (rekor)');
  try {
    const bundle = exactObjectOf(parseStrictJson(Buffer.from(text)), 'the bundle', [
      'SignedEntryTimestamp',
      'Payload',
    ]);
    const entry = exactObjectOf(bundle['Payload'], 'Payload', [
      'body',
      'integratedTime',
      'logIndex',
      'logID',
    ]);
    const promise = Buffer.from(stringOf(bundle['SignedEntryTimestamp'], 'SignedEntryTimestamp'), 'base64');
    const signed = Buffer.from(canonicalEntry(entry));
    if (!rekorKeys.some((rekorKey) => isSignedBy(rekorKey, signed, promise))) {
      throw new Error('it is not signed with a rekor key of the policy');
    }
    requireEntryOf(stringOf(entry['body'], 'body'), { payload, signature, key });
  } catch (cause) {
    throw new Error(
      `has no good proof of the transparency log: ${cause instanceof Error ? cause.message : cause}`,
    );
  }
}

/** RFC 8785 for this one object: keys in order, strings as JSON.stringify writes them, whole numbers. */
function canonicalEntry(entry: Readonly<Record<string, unknown>>): string {
  const { body, integratedTime, logID, logIndex } = entry;
  for (const number of [integratedTime, logIndex]) {
    if (!Number.isSafeInteger(number)) throw new Error('integratedTime or logIndex is no whole number');
  }
  return JSON.stringify({ body, integratedTime, logID, logIndex });
}

function requireEntryOf(
  body: string,
  made: { readonly payload: Uint8Array; readonly signature: string; readonly key: KeyObject },
): void {
  const document = objectOf(parseStrictJson(Buffer.from(body, 'base64')), 'the entry', 'any');
  if (document['kind'] !== 'hashedrekord') throw new Error('the entry is of another kind than hashedrekord');
  const spec = objectOf(document['spec'], 'spec', 'any');
  const hash = objectOf(objectOf(spec['data'], 'spec.data', 'any')['hash'], 'spec.data.hash', 'any');
  const digest = createHash('sha256').update(made.payload).digest('hex');
  if (hash['algorithm'] !== 'sha256' || hash['value'] !== digest)
    throw new Error('the entry is of another document');
  const signed = objectOf(spec['signature'], 'spec.signature', 'any');
  const same = Buffer.from(stringOf(signed['content'], 'spec.signature.content'), 'base64').equals(
    Buffer.from(made.signature, 'base64'),
  );
  if (!same) throw new Error('the entry is of another signature');
  const publicKey = objectOf(signed['publicKey'], 'spec.signature.publicKey', 'any');
  const pem = Buffer.from(stringOf(publicKey['content'], 'spec.signature.publicKey.content'), 'base64');
  if (!createPublicKey(pem).equals(made.key)) throw new Error('the entry is of another key');
}
