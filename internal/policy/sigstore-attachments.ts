// Signatures in the registry itself, as cosign puts them: an image tagged `sha256-<hex>.sig` whose layers are the signed
// documents and whose annotations are the signatures.

import { hasKind } from '../errors/daemon-error.ts';
import { digestOf, isDigest } from '../registry/digest.ts';
import type { BlobDescriptor, Digest, RemoteImage, RemoteManifest } from '../registry/registry.ts';
import { type ImageSignature, signatureLimits, stringMapOf } from './image-signature.ts';
import { objectOf, parseStrictJson } from './strict-json.ts';

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
  const { count, allBytes } = signatureLimits;
  if (layers.length > count) throw new Error(`the image has more than ${count} signatures`);
  const attachments = layers.map(attachmentOf);
  if (attachments.reduce((sum, { blob }) => sum + blob.sizeBytes, 0) > allBytes)
    throw new Error(`the image has signatures of more than ${allBytes} bytes`);
  const signatures: ImageSignature[] = [];
  for (const { blob, ...signature } of attachments) {
    signatures.push({ ...signature, payload: await readBlob(remote, blob, signal) });
  }
  return signatures;
}

interface Attachment extends Omit<Extract<ImageSignature, { format: 'sigstore' }>, 'payload'> {
  readonly blob: BlobDescriptor;
}

function attachmentOf(layer: unknown): Attachment {
  const { digest, size, mediaType, annotations } = objectOf(layer, 'a signature layer', 'any');
  if (!isDigest(digest) || typeof size !== 'number' || !(size >= 0 && size <= signatureLimits.bytes)) {
    throw new Error('a signature layer has no valid digest or size');
  }
  return {
    format: 'sigstore',
    mimeType: String(mediaType),
    annotations: stringMapOf(annotations ?? {}),
    blob: { digest, sizeBytes: size },
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
