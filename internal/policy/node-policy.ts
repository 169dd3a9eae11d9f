// The signature policy of this node, by its files.

import type { HttpTransport } from '../registry/http-transport.ts';
import { formatReference } from '../registry/reference.ts';
import type { RemoteImage } from '../registry/registry.ts';
import { evaluateRequirement } from './evaluate-requirement.ts';
import type { GpgVerifier } from './gpg-verifier.ts';
import type { ImageSignature } from './image-signature.ts';
import { readLookaside } from './lookaside.ts';
import type { ArchivePlace, ImagePolicy, NamedManifest, SignedImage } from './policy.ts';
import { type PolicyFiles, refusal } from './policy-files.ts';
import { type ImagePlace, requirementsFor } from './policy-scopes.ts';
import { signaturePlace } from './registries-d.ts';
import { readAttachments } from './sigstore-attachments.ts';

export interface NodePolicyParts {
  readonly files: PolicyFiles;
  readonly gpg: GpgVerifier;
  /** registries.d */
  readonly placesDirectory: string;
  readonly transport: HttpTransport;
}

export class NodePolicy implements ImagePolicy {
  readonly #parts: NodePolicyParts;

  constructor(parts: NodePolicyParts) {
    this.#parts = parts;
  }

  async admit(image: SignedImage, namespace: string, signal: AbortSignal): Promise<void> {
    const name = formatReference(image.reference);
    await this.#admit(
      { transport: 'docker', reference: image.reference },
      { name, image, namespace },
      signal,
    );
  }

  async admitUnsigned(place: ArchivePlace, namespace: string, signal: AbortSignal): Promise<void> {
    const name = place.path === '' ? place.transport : `${place.transport}:${place.path}`;
    await this.#admit(place, { name, image: undefined, namespace }, signal);
  }

  async remoteSignatures(
    image: NamedManifest,
    remote: RemoteImage,
    signal: AbortSignal,
  ): Promise<readonly ImageSignature[]> {
    const { placesDirectory, transport } = this.#parts;
    const place = await signaturePlace(placesDirectory, image.reference);
    const beside = await readLookaside(place.lookaside, image, transport, signal);
    if (!place.useSigstoreAttachments) return beside;
    return [...beside, ...(await readAttachments(remote, image.manifestDigest, signal))];
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
