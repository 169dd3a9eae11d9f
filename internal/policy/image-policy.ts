// Which images this node may pull, load and run.

import type { HttpTransport } from '../registry/http-transport.ts';
import { formatReference, type Reference } from '../registry/reference.ts';
import type { Digest } from '../registry/registry.ts';
import { evaluateRequirement, type SignedImage } from './evaluate-requirement.ts';
import type { GpgVerifier } from './gpg-verifier.ts';
import type { ImageSignature } from './image-signature.ts';
import { readLookaside } from './lookaside.ts';
import { type PolicyFiles, refusal } from './policy-files.ts';
import { type ImagePlace, requirementsFor } from './policy-scopes.ts';
import { signaturePlace } from './registries-d.ts';
import { type AttachmentSource, readAttachments } from './sigstore-attachments.ts';

export interface ImagePolicyParts {
  readonly files: PolicyFiles;
  readonly gpg: GpgVerifier;
  /** registries.d */
  readonly placesDirectory: string;
  readonly transport: HttpTransport;
}

export class ImagePolicy {
  readonly #parts: ImagePolicyParts;

  constructor(parts: ImagePolicyParts) {
    this.#parts = parts;
  }

  /** Whether the policy lets this name through whatever the image is, so that nobody has to look at signatures. */
  async acceptsAnything(reference: Reference, namespace: string): Promise<boolean> {
    const policy = await this.#parts.files.read(namespace);
    const requirements = requirementsFor(policy, { transport: 'docker', reference });
    return requirements.every(({ type }) => type === 'insecureAcceptAnything');
  }

  /** Resolves when the image meets every requirement; else rejects with `SignatureValidationFailed: …`. */
  async admit(image: SignedImage, namespace: string, signal: AbortSignal): Promise<void> {
    const name = formatReference(image.reference);
    await this.#admit(
      { transport: 'docker', reference: image.reference },
      { name, image, namespace },
      signal,
    );
  }

  /** The same for an archive, which has no signatures. */
  async admitArchive(
    place: Exclude<ImagePlace, { transport: 'docker' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const name = `${place.transport}:${place.path}`;
    await this.#admit(place, { name, image: undefined, namespace: '' }, signal);
  }

  /** The signatures that a registry has for a manifest, wherever this node's registries.d says they are. */
  async remoteSignatures(
    image: { readonly reference: Reference; readonly manifestDigest: Digest },
    source: AttachmentSource,
    signal: AbortSignal,
  ): Promise<readonly ImageSignature[]> {
    const { placesDirectory, transport } = this.#parts;
    const place = await signaturePlace(placesDirectory, image.reference);
    const beside = await readLookaside(place.lookaside, image, transport, signal);
    if (!place.useSigstoreAttachments) return beside;
    return [...beside, ...(await readAttachments(source, image, signal))];
  }

  async #admit(
    place: ImagePlace,
    asked: { readonly name: string; readonly image: SignedImage | undefined; readonly namespace: string },
    signal: AbortSignal,
  ): Promise<void> {
    const policy = await this.#parts.files.read(asked.namespace);
    for (const requirement of requirementsFor(policy, place)) {
      const verdict = await evaluateRequirement(requirement, asked.image, this.#parts.gpg, signal);
      if (!verdict.accepted) throw refusal(`image "${asked.name}" is refused: ${verdict.reason}`);
    }
  }
}
