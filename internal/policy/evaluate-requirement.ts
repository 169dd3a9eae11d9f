// One requirement of a policy against one image.

import { readFile } from 'node:fs/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import type { GpgVerifier } from './gpg-verifier.ts';
import { type IdentityMatch, matchesIdentity } from './identity-match.ts';
import type { ImageSignature } from './image-signature.ts';
import { binaryKeys } from './openpgp-keys.ts';
import type { SignedImage } from './policy.ts';
import type { KeySource, Requirement } from './policy-document.ts';
import { claimTypes, parseClaim } from './signed-claim.ts';
import { publicKeys, verifySigstore } from './sigstore-verifier.ts';

export type Verdict = { readonly accepted: true } | { readonly accepted: false; readonly reason: string };

const accepted: Verdict = { accepted: true };
const maxKeyFileBytes = 1024 * 1024;

type SignedRequirement = Extract<Requirement, { readonly identity: IdentityMatch }>;

/** Whether the image meets the requirement, and if not why. Rejects when the registry of the signatures fails. */
export async function evaluateRequirement(
  requirement: Requirement,
  image: SignedImage | undefined,
  gpg: GpgVerifier,
  signal: AbortSignal,
): Promise<Verdict> {
  switch (requirement.type) {
    case 'insecureAcceptAnything':
      return accepted;
    case 'reject':
      return refused('the policy rejects it');
    case 'signedBaseLayer':
      return refused('the policy asks for signedBaseLayer, which is not supported');
    default:
      if (image === undefined) return refused('the policy asks for a signature, which archives do not have');
      try {
        return await evaluateSigned(requirement, image, gpg, signal);
      } catch (cause) {
        signal.throwIfAborted();
        if (cause instanceof DaemonError) throw cause; // the registry's: it does not answer, or refuses
        return refused(reasonOf(cause));
      }
  }
}

async function evaluateSigned(
  requirement: SignedRequirement,
  image: SignedImage,
  gpg: GpgVerifier,
  signal: AbortSignal,
): Promise<Verdict> {
  const verifyOne = await verifierOf(requirement, gpg);
  const format = requirement.type === 'signedBy' ? 'simple-signing' : 'sigstore';
  const usable = (await image.signatures(signal)).filter((signature) => signature.format === format);
  const reasons: string[] = [];
  for (const signature of usable) {
    try {
      checkClaim(await verifyOne(signature, signal), requirement, image);
      return accepted;
    } catch (cause) {
      signal.throwIfAborted();
      reasons.push(`the signature ${reasonOf(cause)}`);
    }
  }
  if (reasons.length === 0) {
    const kind = format === 'sigstore' ? 'sigstore' : 'GPG';
    return refused(`the policy asks for a ${kind} signature and the image has none`);
  }
  return refused([...new Set(reasons)].join('; '));
}

type Verify = (signature: ImageSignature, signal: AbortSignal) => Promise<Uint8Array>;

async function verifierOf(requirement: SignedRequirement, gpg: GpgVerifier): Promise<Verify> {
  if (requirement.type === 'signedBy') {
    if (requirement.keyType !== 'GPGKeys') {
      throw new Error(`the policy's keyType "${requirement.keyType}" is not supported, only GPGKeys is`);
    }
    const keys = (await readKeys(requirement.keys)).map((file) => parsed(file, binaryKeys));
    return async (signature, signal) => {
      if (signature.format !== 'simple-signing') throw new Error('is of another format');
      return gpg.verify(signature.bytes, keys, signal);
    };
  }
  if (requirement.keys === undefined) {
    throw new Error(
      `the policy trusts "${requirement.authority}" certificates, which are not supported: use keys`,
    );
  }
  const keys = (await readKeys(requirement.keys)).flatMap((file) => parsed(file, publicKeys));
  const { rekorKeys } = requirement;
  const logKeys =
    rekorKeys === undefined
      ? undefined
      : (await readKeys(rekorKeys)).flatMap((file) => parsed(file, publicKeys));
  return async (signature) => {
    if (signature.format !== 'sigstore') throw new Error('is of another format');
    return verifySigstore(signature, keys, logKeys);
  };
}

/** A genuine signature over something else is worth nothing. */
function checkClaim(payload: Uint8Array, requirement: SignedRequirement, image: SignedImage): void {
  const type = requirement.type === 'signedBy' ? claimTypes.simpleSigning : claimTypes.sigstore;
  const claim = parseClaim(payload, type);
  if (claim.manifestDigest !== image.manifestDigest) {
    throw new Error(`is for digest ${claim.manifestDigest}, the image has ${image.manifestDigest}`);
  }
  if (!matchesIdentity(requirement.identity, image.reference, claim.dockerReference)) {
    const name = JSON.stringify(claim.dockerReference.slice(0, 512));
    throw new Error(
      `is for the name ${name}, which is not the image's by the policy (${requirement.identity.type})`,
    );
  }
}

interface KeyFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

async function readKeys({ paths, data }: KeySource): Promise<KeyFile[]> {
  const given = data.map((text) => ({
    name: 'the keyData of the policy',
    bytes: Buffer.from(text, 'base64'),
  }));
  const files = await Promise.all(
    paths.map(async (path): Promise<KeyFile> => {
      const bytes = await readFile(path).catch((cause: unknown) => {
        throw new Error(`key file "${path}" of the policy cannot be read: ${reasonOf(cause)}`, { cause });
      });
      if (bytes.length > maxKeyFileBytes)
        throw new Error(`key file "${path}" of the policy is longer than 1 MiB`);
      return { name: `key file "${path}"`, bytes };
    }),
  );
  return [...given, ...files];
}

function parsed<T>({ name, bytes }: KeyFile, parse: (bytes: Uint8Array) => T): T {
  try {
    return parse(bytes);
  } catch (cause) {
    throw new Error(`${name} ${reasonOf(cause)}`, { cause });
  }
}

function refused(reason: string): Verdict {
  return { accepted: false, reason };
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
