// Tokens of a registry's authorization service (distribution spec, "token authentication" and its OAuth2 form).

import { DaemonError } from '../errors/daemon-error.ts';
import { refusalOf } from './address-guard.ts';
import type { Challenge } from './challenge.ts';
import type { HttpResponse } from './http-response.ts';
import type { HttpTransport } from './http-transport.ts';
import { type Origin, peerAt } from './origin.ts';
import type { Credentials, FoundCredentials } from './registry.ts';
import { badAnswer, fromNetworkError, fromStatus } from './registry-error.ts';
import { type RetryPolicy, sendWithRetries } from './retry.ts';

const maxAnswerBytes = 1024 * 1024;
/** It is sent as a header, and servers take some ten KiB of those. */
const maxTokenLength = 64 * 1024;
const clientId = 'cria';

export interface TokenRequest {
  readonly transport: HttpTransport;
  /** The registry that sent the challenge. */
  readonly origin: Origin;
  readonly challenge: Challenge;
  /** Asked for when the challenge names no scope. */
  readonly scope: string;
  readonly found: FoundCredentials | undefined;
  readonly retry: RetryPolicy;
}

/** Gets a token for the challenge: anonymous, by name and password, or by the identity token. */
export async function requestToken(request: TokenRequest, signal: AbortSignal): Promise<string> {
  const { origin, found, retry } = request;
  const realm = realmOf(request);
  const what = `an access token of ${realm.host}`;
  let response: HttpResponse;
  let body: Buffer | undefined;
  try {
    const send = (): Promise<HttpResponse> => sendTokenRequest(request, realm, signal);
    response = await sendWithRetries(send, retry, false, signal);
    body = await response.readDocument(maxAnswerBytes);
  } catch (cause) {
    signal.throwIfAborted();
    throw fromNetworkError(origin.host, cause, realm);
  }
  const { status } = response;
  if (status !== 200) {
    // An authorization service says with 400 or 403 too that it does not like the credentials.
    const isRefusal = found !== undefined && (status === 400 || status === 403);
    const source = found?.source;
    throw fromStatus({ host: origin.host, what, status: isRefusal ? 401 : status, errorCode: '', source });
  }
  const token = body === undefined ? undefined : tokenIn(body);
  if (token === undefined)
    throw badAnswer(origin.host, 'has an authorization service that gave no usable token');
  return token;
}

function realmOf({ origin, challenge }: TokenRequest): URL {
  const text = challenge.parameters.get('realm') ?? '';
  if (!URL.canParse(text)) throw badAnswer(origin.host, 'names no usable authorization service');
  const realm = new URL(text);
  // CVE-2026-65388: an unchecked realm carries the credentials to wherever the registry likes.
  const refusal = refusalOf(realm, origin);
  if (refusal !== undefined) {
    const text = `registry "${origin.host}" names an authorization service at ${refusal}; it was not contacted`;
    throw new DaemonError('permission-denied', text);
  }
  realm.username = '';
  realm.password = '';
  return realm;
}

function sendTokenRequest(request: TokenRequest, realm: URL, signal: AbortSignal): Promise<HttpResponse> {
  const { transport, origin, challenge, found } = request;
  const credentials = found?.credentials;
  const service = challenge.parameters.get('service') ?? '';
  const scopes = (challenge.parameters.get('scope') ?? request.scope)
    .split(' ')
    .filter((scope) => scope !== '');
  const url = new URL(realm);
  const common = { url, peer: peerAt(url, origin) };
  if (credentials !== undefined && credentials.identityToken !== '') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: credentials.identityToken,
      client_id: clientId,
      service,
      scope: scopes.join(' '),
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return transport.send({ ...common, method: 'POST', headers, body: form.toString() }, signal);
  }
  if (service !== '') url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const headers: Record<string, string> = {};
  if (credentials !== undefined && credentials.username !== '') {
    url.searchParams.set('account', credentials.username);
    headers['authorization'] = basicAuthorization(credentials);
  }
  return transport.send({ ...common, method: 'GET', headers }, signal);
}

function tokenIn(body: Buffer): string | undefined {
  let document: unknown;
  try {
    document = JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof document !== 'object' || document === null) return undefined;
  const { token, access_token: accessToken } = document as Record<string, unknown>;
  const found = typeof token === 'string' && token !== '' ? token : accessToken;
  // A line break would end the header in which the token is sent.
  return typeof found === 'string' && found.length <= maxTokenLength && /^[\x21-\x7e]+$/.test(found)
    ? found
    : undefined;
}

/** The header of RFC 7617. */
export function basicAuthorization(credentials: Credentials): string {
  const pair = `${credentials.username}:${credentials.password}`;
  return `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`;
}
