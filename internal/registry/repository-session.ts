// GETs of one repository at one registry, for the time of one pull: authentication, redirects, waiting when the
// registry asks for it. Credentials go to the registry's own scheme, host and port and to nobody else.

import { DaemonError } from '../errors/daemon-error.ts';
import { refusalOf } from './address-guard.ts';
import { basicAuthorization, requestToken } from './bearer-token.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { HttpResponse } from './http-response.ts';
import type { HttpTransport } from './http-transport.ts';
import { type Origin, peerAt } from './origin.ts';
import type { FoundCredentials } from './registry.ts';
import { badAnswer, fromNetworkError, fromStatus } from './registry-error.ts';
import { type RetryPolicy, sendWithRetries } from './retry.ts';

const maxErrorBytes = 64 * 1024;
/** As Go's http.Client. */
const maxRedirects = 10;
const maxAuthorizations = 2;
const redirectStatus = new Set([301, 302, 303, 307, 308]);

export interface SessionParts {
  readonly transport: HttpTransport;
  readonly origin: Origin;
  readonly repositoryPath: string;
  readonly found: FoundCredentials | undefined;
  readonly retry: RetryPolicy;
}

export interface GetRequest {
  /** Below `/v2/<repository>/`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What is asked for, for error texts. */
  readonly what: string;
  /** Bytes of it have come already; see `sendWithRetries`. */
  readonly goesOn: boolean;
}

/** One pull's conversation with one registry; requests may run at once and share a token. */
export class RepositorySession {
  readonly #parts: SessionParts;
  #authorization: string | undefined;
  #renewal: Promise<void> | undefined;
  #retry: RetryPolicy;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#retry = parts.retry;
    const given = parts.found?.credentials.registryToken ?? '';
    if (given !== '') this.#authorization = `Bearer ${given}`;
  }

  get host(): string {
    return this.#parts.origin.host;
  }

  get repositoryPath(): string {
    return this.#parts.repositoryPath;
  }

  /** From now on a busy registry is asked as often as this says. */
  setRetry(policy: RetryPolicy): void {
    this.#retry = policy;
  }

  /** Resolves with a 200 or 206 response; everything else is an error with a stable text. */
  async get(request: GetRequest, signal: AbortSignal): Promise<HttpResponse> {
    const { found } = this.#parts;
    const send = (): Promise<HttpResponse> => this.#getAuthorized(request, signal);
    const response = await sendWithRetries(send, this.#retry, request.goesOn, signal);
    if (response.status === 200 || response.status === 206) return response;
    const errorCode = await this.#errorCode(response, signal);
    throw fromStatus({
      host: this.host,
      what: request.what,
      status: response.status,
      errorCode,
      source: found?.source,
    });
  }

  /** Answers challenges: at first for the registry's own scope, a second time when the token was too narrow or old. */
  async #getAuthorized(request: GetRequest, signal: AbortSignal): Promise<HttpResponse> {
    for (let authorizations = 0; ; authorizations += 1) {
      const sent = this.#authorization;
      const { response, isOwn } = await this.#getRedirected(request, signal);
      if (response.status !== 401 || authorizations === maxAuthorizations) return response;
      // A challenge of a host that we were sent to would name its own realm, and get the registry's credentials there.
      if (!isOwn) return response;
      const challenge = this.#answerable(parseChallenges(challengeHeaders(response)), sent);
      if (challenge === undefined) return response;
      await response.discard();
      if (this.#authorization === sent) await this.#renew(challenge, signal);
    }
  }

  /** The first challenge that we have something for. */
  #answerable(challenges: readonly Challenge[], sent: string | undefined): Challenge | undefined {
    const credentials = this.#parts.found?.credentials;
    if (credentials !== undefined && credentials.registryToken !== '') return undefined;
    const hasPassword = credentials !== undefined && credentials.username !== '';
    return challenges.find(
      ({ scheme }) => scheme === 'bearer' || (scheme === 'basic' && hasPassword && sent === undefined),
    );
  }

  /** Replaces the authorization; requests that need it at the same time share one renewal. */
  async #renew(challenge: Challenge, signal: AbortSignal): Promise<void> {
    this.#renewal ??= this.#authorize(challenge, signal).finally(() => {
      this.#renewal = undefined;
    });
    await this.#renewal;
  }

  async #authorize(challenge: Challenge, signal: AbortSignal): Promise<void> {
    const { transport, origin, repositoryPath, found } = this.#parts;
    if (challenge.scheme === 'bearer') {
      const scope = `repository:${repositoryPath}:pull`;
      const request = { transport, origin, challenge, scope, found, retry: this.#retry };
      const token = await requestToken(request, signal);
      this.#authorization = `Bearer ${token}`;
    } else if (found !== undefined) {
      this.#authorization = basicAuthorization(found.credentials);
    }
  }

  /** Follows redirects; `isOwn` says that the registry itself gave the last answer. */
  async #getRedirected(
    request: GetRequest,
    signal: AbortSignal,
  ): Promise<{ response: HttpResponse; isOwn: boolean }> {
    const { origin, repositoryPath } = this.#parts;
    let url = new URL(`/v2/${repositoryPath}/${request.path}`, origin.url);
    for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
      const response = await this.#send(url, request, signal);
      const location = response.headers.location;
      if (!redirectStatus.has(response.status) || location === undefined) {
        return { response, isOwn: url.origin === origin.url.origin };
      }
      await response.discard();
      url = this.#redirectTarget(location, url);
    }
    throw badAnswer(this.host, `redirects ${request.what} more than ${maxRedirects} times`);
  }

  #redirectTarget(location: string, from: URL): URL {
    if (!URL.canParse(location, from.href)) throw badAnswer(this.host, 'redirects to no usable address');
    const target = new URL(location, from);
    const refusal = refusalOf(target, this.#parts.origin);
    if (refusal !== undefined) {
      throw new DaemonError(
        'permission-denied',
        `registry "${this.host}" redirects to ${refusal}; not followed`,
      );
    }
    target.username = '';
    target.password = '';
    return target;
  }

  async #send(url: URL, request: GetRequest, signal: AbortSignal): Promise<HttpResponse> {
    const { transport, origin } = this.#parts;
    const headers: Record<string, string> = { ...request.headers };
    // Another host must not see the credentials; S3 also refuses a signed URL that comes with a second one.
    if (this.#authorization !== undefined && url.origin === origin.url.origin) {
      headers['authorization'] = this.#authorization;
    }
    try {
      return await transport.send({ method: 'GET', url, headers, peer: peerAt(url, origin) }, signal);
    } catch (cause) {
      signal.throwIfAborted();
      throw fromNetworkError(this.host, cause, url);
    }
  }

  /** The first code of the error document, which is a short word by the specification; other text is not repeated. */
  async #errorCode(response: HttpResponse, signal: AbortSignal): Promise<string> {
    try {
      const body = await response.readDocument(maxErrorBytes);
      const document = JSON.parse(body?.toString('utf8') ?? '') as { errors?: { code?: unknown }[] } | null;
      const code = document?.errors?.[0]?.code;
      return typeof code === 'string' && /^[A-Z_]{1,64}$/.test(code) ? code : '';
    } catch {
      signal.throwIfAborted();
      return '';
    }
  }
}

function challengeHeaders(response: HttpResponse): string[] {
  const header = response.headers['www-authenticate'];
  return header === undefined ? [] : [header];
}
