// The registry client: picks the endpoint, its address and its credentials, and opens a session there.

import { DaemonError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import { openBlob } from './fetch-blob.ts';
import { fetchManifest } from './fetch-manifest.ts';
import type { HttpTransport } from './http-transport.ts';
import { Locator } from './origin.ts';
import type {
  CredentialLookup,
  CredentialSource,
  FoundCredentials,
  Registry,
  RemoteImage,
  Repository,
  Version,
  WantedImage,
} from './registry.ts';
import { RepositorySession } from './repository-session.ts';
import type { RetryPolicy } from './retry.ts';
import type { Endpoint } from './routes.ts';
import { type FailedPlace, failureOf, mayBeBetterElsewhere, nameOf, wordsOf } from './tried-places.ts';

export interface RegistryParts {
  /** Mirrors, rewriting and blocks: `RegistriesFile`. */
  readonly routes: { endpoints(repository: Repository, version: Version): Promise<readonly Endpoint[]> };
  readonly credentials: CredentialSource;
  readonly transport: HttpTransport;
  readonly retry: RetryPolicy;
  readonly logger: Logger;
}

/** A place is not waited for while there is another one. */
const onlyOnce: RetryPolicy = { attempts: 1, firstDelayMs: 0, maxDelayMs: 0 };

/** Speaks the OCI distribution protocol over node:http and node:https. */
export class DistributionRegistry implements Registry {
  readonly #parts: RegistryParts;
  readonly #locator: Locator;

  constructor(parts: RegistryParts) {
    this.#parts = parts;
    this.#locator = new Locator(parts.transport);
  }

  async withImage<T>(
    wanted: WantedImage,
    use: (image: RemoteImage) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const endpoints = await this.#parts.routes.endpoints(wanted.repository, wanted.version);
    const node = await this.#parts.credentials.forPull(wanted);
    const failed: FailedPlace[] = [];
    for (const [index, endpoint] of endpoints.entries()) {
      const isLast = index === endpoints.length - 1;
      try {
        return await use(await this.#openAt(endpoint, { wanted, node, isLast }, signal));
      } catch (failure) {
        signal.throwIfAborted();
        this.#locator.forget(endpoint.repository.host);
        failed.push({ endpoint, failure });
        if (isLast || !mayBeBetterElsewhere(failure)) throw failureOf(failed);
        this.#parts.logger.warn(
          { mirror: nameOf(endpoint), reason: wordsOf(failure) },
          'mirror did not give the image; the next place is tried',
        );
      }
    }
    throw new DaemonError('internal', `no endpoint for registry "${wanted.repository.host}"`);
  }

  async #openAt(endpoint: Endpoint, attempt: Attempt, signal: AbortSignal): Promise<RemoteImage> {
    const { repository, insecure, isMirror } = endpoint;
    const { wanted, isLast } = attempt;
    const found = await credentialsFor(endpoint, attempt, signal);
    const origin = await this.#locator.locate(repository.host, insecure, signal);
    const { transport, retry } = this.#parts;
    const parts = { transport, origin, repositoryPath: repository.path, found };
    const session = new RepositorySession({ ...parts, retry: isLast ? retry : onlyOnce });
    const manifest = await fetchManifest(session, wanted.version, undefined, signal);
    session.setRetry(retry);
    if (isMirror) this.#parts.logger.info({ mirror: nameOf(endpoint) }, 'pulling from a mirror');
    return {
      manifest,
      readManifest: ({ digest, sizeBytes }, instanceSignal) =>
        fetchManifest(session, { digest }, sizeBytes, instanceSignal),
      readTag: (tag, tagSignal) => fetchManifest(session, { tag }, undefined, tagSignal),
      openBlob: (blob, blobSignal) => openBlob(session, blob, blobSignal),
    };
  }
}

interface Attempt {
  readonly wanted: WantedImage;
  readonly node: CredentialLookup;
  readonly isLast: boolean;
}

/**
 * Credentials that came with the request are for the host that they or the image name; a mirror elsewhere does not see
 * them.
 */
async function credentialsFor(
  { repository }: Endpoint,
  { wanted, node }: Attempt,
  signal: AbortSignal,
): Promise<FoundCredentials | undefined> {
  const { credentials } = wanted;
  const { host } = wanted.repository;
  const isMeant = [host, ''].includes(hostIn(credentials?.serverAddress ?? ''));
  if (credentials !== undefined && isMeant && repository.host === host)
    return { credentials, source: 'the pull request' };
  return node.lookup(repository, signal);
}

/** The host in `https://host/v1/` or `host/path`; docker's address of the Hub is of another host than its images. */
function hostIn(address: string): string {
  const host = address.replace(/^https?:\/\//, '').replace(/\/.*$/s, '');
  return /^(index|registry-1)\.docker\.io$/.test(host) ? 'docker.io' : host;
}
