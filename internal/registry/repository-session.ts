// GETs of one repository at one registry, for the time of one pull: authentication, redirects, waiting when the
// registry asks for it. Credentials go to the registry's own scheme, host and port and to nobody else.

import { setTimeout as sleep } from 'node:timers/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import { refusalOf } from './address-guard.ts';
import { basicAuthorization, requestToken } from './bearer-token.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { type HttpResponse, type HttpTransport, readBounded } from './http-transport.ts';
import type { Origin } from './origin.ts';
import type { Credentials } from './registry.ts';
import { badAnswer, fromNetworkError, fromStatus } from './registry-error.ts';

const maxErrorBytes = 64 * 1024;
const maxRedirects = 5;
const maxAuthorizations = 2;
const busyStatus = new Set([429, 502, 503, 504]);
const redirectStatus = new Set([301, 302, 303, 307, 308]);

export interface RetryPolicy {
  /** How often a busy registry is asked again. */
  readonly attempts: number;
  /** Before the second attempt, unless Retry-After says otherwise; doubled for each further one. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

export interface SessionParts {
  readonly transport: HttpTransport;
  readonly origin: Origin;
  readonly repositoryPath: string;
  readonly credentials: Credentials | undefined;
  readonly retry: RetryPolicy;
}

export interface GetRequest {
  /** Below `/v2/<repository>/`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What is asked for, for error texts. */
  readonly what: string;
}

/** One pull's conversation with one registry; requests may run at once and share a token. */
export class RepositorySession {
  readonly #parts: SessionParts;
  #authorization: string | undefined;
  #renewal: Promise<void> | undefined;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    const given = parts.credentials?.registryToken ?? '';
    if (given !== '') this.#authorization = `Bearer ${given}`;
  }

  get host(): string {
    return this.#parts.origin.host;
  }

  get repositoryPath(): string {
    return this.#parts.repositoryPath;
  }

  /** Resolves with a 200 or 206 response; everything else is an error with a stable text. */
  async get(request: GetRequest, signal: AbortSignal): Promise<HttpResponse> {
    const { retry } = this.#parts;
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.#getAuthorized(request, signal);
      if (response.status === 200 || response.status === 206) return response;
      if (!busyStatus.has(response.status) || attempt >= retry.attempts) {
        throw fromStatus(this.host, request.what, response.status, await this.#errorCode(response, signal));
      }
      await response.discard();
      await sleep(delayBefore(attempt, response.headers['retry-after'], retry), undefined, { signal });
    }
  }

  /** Answers challenges: at first for the registry's own scope, a second time when the token was too narrow or old. */
  async #getAuthorized(request: GetRequest, signal: AbortSignal): Promise<HttpResponse> {
    for (let authorizations = 0; ; authorizations += 1) {
      const sent = this.#authorization;
      const { response, isOwn } = await this.#getRedirected(request, signal);
      if (response.status !== 401 || authorizations === maxAuthorizations) return response;
      // A challenge of a host that we were sent to would name its own realm, and get the registry's credentials there.
      if (!isOwn) return response;
      const challenges = parseChallenges(challengeHeaders(response));
      if (!this.#canAnswer(challenges, sent)) return response;
      await response.discard();
      if (this.#authorization === sent) await this.#renew(challenges, signal);
    }
  }

  #canAnswer(challenges: readonly Challenge[], sent: string | undefined): boolean {
    const { credentials } = this.#parts;
    if (credentials !== undefined && credentials.registryToken !== '') return false;
    const chosen = chooseChallenge(challenges);
    if (chosen?.scheme === 'bearer') return true;
    const hasPassword = credentials !== undefined && credentials.username !== '';
    return chosen?.scheme === 'basic' && hasPassword && sent === undefined;
  }

  /** Replaces the authorization; requests that need it at the same time share one renewal. */
  async #renew(challenges: readonly Challenge[], signal: AbortSignal): Promise<void> {
    this.#renewal ??= this.#authorize(challenges, signal).finally(() => {
      this.#renewal = undefined;
    });
    await this.#renewal;
  }

  async #authorize(challenges: readonly Challenge[], signal: AbortSignal): Promise<void> {
    const { transport, origin, repositoryPath, credentials } = this.#parts;
    const challenge = chooseChallenge(challenges);
    if (challenge?.scheme === 'bearer') {
      const scope = `repository:${repositoryPath}:pull`;
      const token = await requestToken({ transport, origin, challenge, scope, credentials }, signal);
      this.#authorization = `Bearer ${token}`;
    } else if (credentials !== undefined) {
      this.#authorization = basicAuthorization(credentials);
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
    const refusal = refusalOf(target, this.#parts.origin.url);
    if (refusal !== undefined) {
      throw new DaemonError(
        'permission-denied',
        `registry "${this.host}" redirects to ${refusal}; not followed`,
      );
    }
    return target;
  }

  async #send(url: URL, request: GetRequest, signal: AbortSignal): Promise<HttpResponse> {
    const { transport, origin } = this.#parts;
    const headers: Record<string, string> = { ...request.headers, 'user-agent': 'cria' };
    // Another host must not see the credentials; S3 also refuses a signed URL that comes with a second one.
    if (this.#authorization !== undefined && url.origin === origin.url.origin) {
      headers['authorization'] = this.#authorization;
    }
    try {
      return await transport.send({ method: 'GET', url, headers, verifyTls: origin.verifyTls }, signal);
    } catch (cause) {
      signal.throwIfAborted();
      throw fromNetworkError(this.host, cause);
    }
  }

  /** The first code of the error document, which is a short word by the specification; other text is not repeated. */
  async #errorCode(response: HttpResponse, signal: AbortSignal): Promise<string> {
    try {
      const body = await readBounded(response, maxErrorBytes);
      const document = JSON.parse(body?.toString('utf8') ?? '') as { errors?: { code?: unknown }[] } | null;
      const code = document?.errors?.[0]?.code;
      return typeof code === 'string' && /^[A-Z_]{1,64}$/.test(code) ? code : '';
    } catch {
      signal.throwIfAborted();
      return '';
    }
  }
}

/** The first challenge that we can answer wins. */
function chooseChallenge(challenges: readonly Challenge[]): Challenge | undefined {
  return challenges.find(({ scheme }) => scheme === 'bearer' || scheme === 'basic');
}

function challengeHeaders(response: HttpResponse): string[] {
  const header = response.headers['www-authenticate'];
  return header === undefined ? [] : [header];
}

function delayBefore(attempt: number, retryAfter: string | undefined, policy: RetryPolicy): number {
  const asked = /^\d{1,6}$/.test(retryAfter ?? '') ? Number(retryAfter) * 1000 : undefined;
  return Math.min(asked ?? policy.firstDelayMs * 2 ** (attempt - 1), policy.maxDelayMs);
}
