// The registry client: picks the endpoint, its address and its credentials, and opens a session there.

import { DaemonError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import { openBlob } from './fetch-blob.ts';
import { fetchManifest } from './fetch-manifest.ts';
import { type HttpTimeouts, HttpTransport } from './http-transport.ts';
import { locate, type Origin } from './origin.ts';
import type {
  CredentialSource,
  Credentials,
  Registry,
  RemoteImage,
  Repository,
  Version,
} from './registry.ts';
import { RepositorySession, type RetryPolicy } from './repository-session.ts';
import type { Endpoint } from './routes.ts';
import { defaultCertificateFolders, TrustStore } from './trust-store.ts';

export interface RegistryParts {
  /** Mirrors, rewriting and blocks: `RegistriesFile`. */
  readonly routes: { endpoints(repository: Repository, version: Version): readonly Endpoint[] };
  readonly credentials: CredentialSource;
  readonly timeouts: HttpTimeouts;
  readonly retry: RetryPolicy;
  readonly logger: Logger;
  /** Folders in the form of certs.d; the system's when left out. */
  readonly certificateFolders?: readonly string[];
}

/** A dead registry is told apart from a slow one after these times; a kubelet waits for minutes. */
export const defaultTimeouts: HttpTimeouts = { connectMs: 30_000, responseMs: 60_000, noProgressMs: 60_000 };

/** As containers/image: 2 s, doubled, at most a minute, five times. */
export const defaultRetry: RetryPolicy = { attempts: 5, firstDelayMs: 2_000, maxDelayMs: 60_000 };

/** Speaks the OCI distribution protocol over node:http and node:https. */
export class DistributionRegistry implements Registry {
  readonly #parts: RegistryParts;
  readonly #transport: HttpTransport;

  constructor(parts: RegistryParts) {
    this.#parts = parts;
    const trust = new TrustStore(parts.certificateFolders ?? defaultCertificateFolders);
    this.#transport = new HttpTransport(parts.timeouts, trust);
  }

  async open(
    repository: Repository,
    version: Version,
    credentials: Credentials | undefined,
    signal: AbortSignal,
  ): Promise<RemoteImage> {
    const endpoints = this.#parts.routes.endpoints(repository, version);
    let failure: unknown = new DaemonError('internal', `no endpoint for registry "${repository.host}"`);
    for (const endpoint of endpoints) {
      try {
        return await this.#openAt(endpoint, version, credentials, signal);
      } catch (cause) {
        signal.throwIfAborted();
        failure = cause;
        if (endpoint.isMirror) this.#logMirrorFailure(endpoint, cause);
      }
    }
    throw failure;
  }

  /** Closes idle connections. */
  close(): void {
    this.#transport.close();
  }

  async #openAt(
    endpoint: Endpoint,
    version: Version,
    given: Credentials | undefined,
    signal: AbortSignal,
  ): Promise<RemoteImage> {
    const { repository, insecure, isMirror } = endpoint;
    const isGiven = given !== undefined && !isMirror && Object.values(given).some((value) => value !== '');
    const credentials = isGiven ? given : await this.#parts.credentials.lookup(repository);
    const origin: Origin = await locate(this.#transport, repository.host, insecure, signal);
    const session = new RepositorySession({
      transport: this.#transport,
      origin,
      repositoryPath: repository.path,
      credentials,
      retry: this.#parts.retry,
    });
    const manifest = await fetchManifest(session, version, undefined, signal);
    if (isMirror) this.#parts.logger.info({ mirror: repository.host }, 'pulling from a mirror');
    return {
      manifest,
      readManifest: ({ digest, sizeBytes }, instanceSignal) =>
        fetchManifest(session, { digest }, sizeBytes, instanceSignal),
      openBlob: (blob, blobSignal) => openBlob(session, blob, blobSignal),
    };
  }

  #logMirrorFailure(endpoint: Endpoint, cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#parts.logger.warn({ mirror: endpoint.repository.host, reason }, 'mirror did not give the image');
  }
}
