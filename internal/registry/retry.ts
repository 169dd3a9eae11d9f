// Asking again: a registry that says it is busy, and a connection that was cut.

import { setTimeout as sleep } from 'node:timers/promises';
import { errnoCode } from '../errors/errno.ts';
import type { HttpResponse } from './http-response.ts';

export interface RetryPolicy {
  /** How often a busy registry is asked. */
  readonly attempts: number;
  /** Before the second attempt, unless Retry-After says otherwise; doubled for each further one. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

/** As containers/image: 2 s, doubled, at most a minute, five times. */
export const defaultRetry: RetryPolicy = { attempts: 5, firstDelayMs: 2_000, maxDelayMs: 60_000 };

const busyStatus = new Set([408, 425, 429, 500, 502, 503, 504]);
/** A server error is often there to stay; "too many requests" is a promise that it is not. */
const maxErrorAttempts = 3;
/** A connection that is cut before the answer may have met a restart; a second one tells. */
const cutCodes = ['ECONNRESET', 'EPIPE'];
const maxCutAttempts = 2;
/** In the midst of a blob there is something to lose: a registry that restarts is waited for. */
const absenceCodes = [
  ...cutCodes,
  'ECONNREFUSED',
  'ETIMEDOUT',
  'ENOTREACHED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
];

/**
 * Sends until the answer is not "busy" or the attempts are used up; returns the last answer. Failed connections are
 * made again seldom, and as often as the policy says when `goesOn`: what was begun goes on.
 */
export async function sendWithRetries(
  send: () => Promise<HttpResponse>,
  policy: RetryPolicy,
  goesOn: boolean,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const codes = goesOn ? absenceCodes : cutCodes;
  const cutAttempts = goesOn ? policy.attempts : Math.min(policy.attempts, maxCutAttempts);
  let serverErrors = 0;
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await send().catch((cause: unknown) => {
      signal.throwIfAborted();
      if (attempt >= cutAttempts || !codes.includes(codeOf(cause))) throw cause;
      return undefined;
    });
    if (outcome !== undefined) {
      if (outcome.status !== 429) serverErrors += 1;
      const isLast = attempt >= policy.attempts || serverErrors >= maxErrorAttempts;
      if (!busyStatus.has(outcome.status) || isLast) return outcome;
      await outcome.discard();
    }
    const delayMs = delayBefore(attempt, outcome?.headers['retry-after'], policy, Date.now());
    await sleep(delayMs, undefined, { signal });
  }
}

/** Also of an error that was put into words already. */
function codeOf(error: unknown): string {
  return errnoCode(error) ?? (error instanceof Error ? (errnoCode(error.cause) ?? '') : '');
}

/** Retry-After is seconds or a date (RFC 9110 section 10.2.3); what is asked for is bounded. Pure. */
export function delayBefore(
  attempt: number,
  retryAfter: string | undefined,
  policy: RetryPolicy,
  nowMs: number,
): number {
  const own = policy.firstDelayMs * 2 ** (attempt - 1);
  const text = retryAfter?.trim() ?? '';
  const dateMs = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) - nowMs : Number.NaN;
  const askedMs = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : dateMs;
  const wantedMs = Number.isNaN(askedMs) ? own : Math.max(askedMs, 0);
  return Math.min(wantedMs, policy.maxDelayMs);
}
