// The policy's questions about an image: when it is pulled, and again when a container is made of it.

import type { Logger } from '../log/logger.ts';
import { type ImageSignature, parseSignatureBlob, signatureBlob } from '../policy/image-signature.ts';
import type { ImagePolicy, NamedManifest } from '../policy/policy.ts';
import type { Reference } from '../registry/reference.ts';
import type { RemoteImage } from '../registry/registry.ts';
import type { ImageRecords, StoredImage } from '../storage/store.ts';

export interface PulledManifest extends NamedManifest {
  /** Where it was read. */
  readonly remote: RemoteImage;
  readonly namespace: string;
}

/**
 * Resolves when the policy lets the image in, with the signatures to keep. They are looked for even if this policy does
 * not ask for any: another namespace's may, when the image is here already.
 */
export async function admitPulled(
  parts: { readonly policy: ImagePolicy; readonly logger: Logger },
  { reference, manifestDigest, remote, namespace }: PulledManifest,
  signal: AbortSignal,
): Promise<readonly Uint8Array[]> {
  const { policy, logger } = parts;
  let found: Promise<readonly ImageSignature[]> | undefined;
  const signatures = (): Promise<readonly ImageSignature[]> => {
    found ??= policy.remoteSignatures({ reference, manifestDigest }, remote, signal);
    return found;
  };
  await policy.admit({ reference, manifestDigest, signatures }, namespace, signal);
  try {
    return (await signatures()).map(signatureBlob);
  } catch (cause) {
    signal.throwIfAborted();
    logger.warn({ err: cause }, 'signatures that the policy does not ask for cannot be read');
    return [];
  }
}

/**
 * Resolves when the policy lets a stored image be run under one of `references`; judged by the signatures that it was
 * stored with. An image without a name is judged by what the policy says of the store.
 */
export async function admitStored(
  parts: { readonly policy: ImagePolicy; readonly records: ImageRecords },
  asked: {
    readonly image: StoredImage;
    readonly references: readonly Reference[];
    readonly namespace: string;
  },
  signal: AbortSignal,
): Promise<void> {
  const { policy, records } = parts;
  const { image, references, namespace } = asked;
  if (references.length === 0) {
    return policy.admitUnsigned({ transport: 'containers-storage', path: '' }, namespace, signal);
  }
  const manifests = await signedManifests(records, image);
  const failures: unknown[] = [];
  for (const reference of references) {
    for (const { manifestDigest, signatures } of manifests) {
      try {
        const parse = async (): Promise<ImageSignature[]> => signatures.map(parseSignatureBlob);
        return await policy.admit({ reference, manifestDigest, signatures: parse }, namespace, signal);
      } catch (cause) {
        signal.throwIfAborted();
        failures.push(cause);
      }
    }
  }
  throw failures[0];
}

async function signedManifests(
  records: ImageRecords,
  image: StoredImage,
): Promise<Awaited<ReturnType<ImageRecords['readSignatures']>>> {
  const signed = await records.readSignatures(image.id);
  if (signed.length > 0) return signed;
  // Nothing was signed: what the digest is makes no difference.
  return [{ manifestDigest: image.manifestDigest ?? `sha256:${image.id}`, signatures: [] }];
}
