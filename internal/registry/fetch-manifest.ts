// Manifests, as bytes whose digest is known to be right.

import { digestOf, isDigest } from './digest.ts';
import type { Digest, RemoteManifest, Version } from './registry.ts';
import { badAnswer, fromNetworkError } from './registry-error.ts';
import type { RepositorySession } from './repository-session.ts';

/** As in containers/image; the specification asks for at least this much. */
const maxManifestBytes = 4 * 1024 * 1024;

/** Schema 1 is asked for only so that its refusal can be told in clear words. */
const accept = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
  'application/vnd.docker.distribution.manifest.v1+json',
].join(', ');

/** Reads the manifest that a tag or digest names; `sizeBytes`, when given, must be right. */
export async function fetchManifest(
  session: RepositorySession,
  version: Version,
  sizeBytes: number | undefined,
  signal: AbortSignal,
): Promise<RemoteManifest> {
  const name = 'digest' in version ? version.digest : version.tag;
  const what = `manifest "${name}" of "${session.repositoryPath}"`;
  const response = await session.get(
    { path: `manifests/${name}`, headers: { accept }, what, goesOn: false },
    signal,
  );
  const encoding = response.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') {
    await response.discard();
    throw badAnswer(session.host, `sent ${what} compressed, which was not asked for`);
  }
  let bytes: Buffer | undefined;
  try {
    bytes = await response.readDocument(maxManifestBytes);
  } catch (cause) {
    signal.throwIfAborted();
    throw fromNetworkError(session.host, cause);
  }
  if (bytes === undefined)
    throw badAnswer(session.host, `has a ${what} with more than ${maxManifestBytes} bytes`);
  if (sizeBytes !== undefined && bytes.length !== sizeBytes) {
    throw badAnswer(session.host, `has a ${what} with ${bytes.length} bytes, expected ${sizeBytes}`);
  }
  const digest = digestOf(bytes);
  for (const expected of expectedDigests(version, response.headers['docker-content-digest'])) {
    if (digest !== expected)
      throw badAnswer(session.host, `gave for ${what} a document with digest ${digest}`);
  }
  return { bytes, digest, mediaType: mediaTypeOf(response.headers['content-type']) };
}

function expectedDigests(version: Version, header: string | string[] | undefined): Digest[] {
  const asked = 'digest' in version ? [version.digest] : [];
  return isDigest(header) ? [...asked, header] : asked;
}

function mediaTypeOf(contentType: string | undefined): string | undefined {
  const type = contentType?.split(';')[0]?.trim().toLowerCase();
  return type === '' ? undefined : type;
}
