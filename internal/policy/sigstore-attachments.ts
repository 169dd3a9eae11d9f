// Signatures in the registry itself, as cosign puts them: an image tagged `sha256-<hex>.sig` whose layers are the signed
// documents and whose annotations are the signatures.

import { hasKind } from '../errors/daemon-error.ts';
import { digestOf, isDigest } from '../registry/digest.ts';
import type { Reference } from '../registry/reference.ts';
import type { BlobDescriptor, Credentials, Digest, Registry, RemoteImage } from '../registry/registry.ts';
import { type ImageSignature, stringMapOf } from './image-signature.ts';
import { objectOf, parseStrictJson } from './strict-json.ts';

const maxSignatures = 128;
const maxPayloadBytes = 4 * 1024 * 1024;

export interface AttachmentSource {
  readonly registry: Registry;
  readonly credentials: Credentials | undefined;
}

/** All sigstore signatures that are attached to this manifest. */
export async function readAttachments(
  { registry, credentials }: AttachmentSource,
  image: { readonly reference: Reference; readonly manifestDigest: Digest },
  signal: AbortSignal,
): Promise<ImageSignature[]> {
  const tag = `${image.manifestDigest.replace(':', '-')}.sig`;
  const wanted = { repository: image.reference.repository, version: { tag }, credentials, namespace: '' };
  try {
    return await registry.withImage(wanted, (remote) => signaturesIn(remote, signal), signal);
  } catch (cause) {
    if (hasKind(cause, 'not-found')) return [];
    throw cause;
  }
}

async function signaturesIn(remote: RemoteImage, signal: AbortSignal): Promise<ImageSignature[]> {
  const manifest = objectOf(parseStrictJson(remote.manifest.bytes), 'the signature manifest', 'any');
  const layers = manifest['layers'];
  if (!Array.isArray(layers)) throw new Error('the signature manifest has no layers');
  if (layers.length > maxSignatures) throw new Error(`the image has more than ${maxSignatures} signatures`);
  const signatures: ImageSignature[] = [];
  for (const layer of layers) signatures.push(await readAttachment(remote, layer, signal));
  return signatures;
}

async function readAttachment(
  remote: RemoteImage,
  value: unknown,
  signal: AbortSignal,
): Promise<ImageSignature> {
  const layer = objectOf(value, 'a signature layer', 'any');
  const { digest, size, mediaType, annotations } = layer;
  if (!isDigest(digest) || typeof size !== 'number' || !(size >= 0 && size <= maxPayloadBytes)) {
    throw new Error('a signature layer has no valid digest or size');
  }
  const payload = await readBlob(remote, { digest, sizeBytes: size }, signal);
  return {
    format: 'sigstore',
    mimeType: String(mediaType),
    payload,
    annotations: stringMapOf(annotations ?? {}),
  };
}

async function readBlob(remote: RemoteImage, blob: BlobDescriptor, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await remote.openBlob(blob, signal)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (digestOf(bytes) !== blob.digest)
    throw new Error('a signature layer has another digest than its manifest says');
  return bytes;
}
