// What images need of the node's signature policy.

import type { Reference } from '../registry/reference.ts';
import type { Digest, RemoteImage } from '../registry/registry.ts';
import type { ImageSignature } from './image-signature.ts';

/** The name that somebody asked for, and the manifest that it stands for. */
export interface NamedManifest {
  readonly reference: Reference;
  /** Of the manifest of the image itself, not of a list that names it. */
  readonly manifestDigest: Digest;
}

export interface SignedImage extends NamedManifest {
  /** Asked only when a requirement looks at signatures. */
  signatures(signal: AbortSignal): Promise<readonly ImageSignature[]>;
}

/** Where an image without a registry's name comes from. */
export type ArchivePlace =
  | { readonly transport: 'oci' | 'oci-archive' | 'docker-archive'; readonly path: string }
  /** An image of the store that has no name. */
  | { readonly transport: 'containers-storage'; readonly path: '' };

/** `namespace` is that of the pod the image is for; empty where there is none. */
export interface ImagePolicy {
  /** Resolves when the image meets every requirement; else rejects with `SignatureValidationFailed: …`. */
  admit(image: SignedImage, namespace: string, signal: AbortSignal): Promise<void>;
  /** The same for what has no name and no signatures. */
  admitUnsigned(place: ArchivePlace, namespace: string, signal: AbortSignal): Promise<void>;
  /** The signatures that the place of the image and the lookaside have for a manifest, as this node's registries.d says. */
  remoteSignatures(
    image: NamedManifest,
    remote: RemoteImage,
    signal: AbortSignal,
  ): Promise<readonly ImageSignature[]>;
}
