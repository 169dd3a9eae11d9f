// Signatures in the registry itself, as cosign puts them: an image tagged `sha256-<hex>.sig` whose layers are the signed
// documents and whose annotations are the signatures.

import { hasKind } from '../errors/daemon-error.ts';
import { digestOf, isDigest } from '../registry/digest.ts';
import type { BlobDescriptor, Digest, RemoteImage, RemoteManifest } from '../registry/registry.ts';
import { type ImageSignature, stringMapOf } from './image-signature.ts';
import { objectOf, parseStrictJson } from './strict-json.ts';

const maxSignatures = 128;
const maxPayloadBytes = 4 * 1024 * 1024;

/** All sigstore signatures that are attached to this manifest, at the place that the image is read from. */
export async function readAttachments(
  remote: RemoteImage,
  manifestDigest: Digest,
  signal: AbortSignal,
): Promise<ImageSignature[]> {
  let document: RemoteManifest;
  try {
    document = await remote.readTag(`${manifestDigest.replace(':', '-')}.sig`, signal);
  } catch (cause) {
    if (hasKind(cause, 'not-found')) return [];
    throw cause;
  }
  const manifest = objectOf(parseStrictJson(document.bytes), 'the signature manifest', 'any');
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
