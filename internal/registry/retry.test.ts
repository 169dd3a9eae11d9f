import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HttpResponse } from './http-response.ts';
import { delayBefore, sendWithRetries } from './retry.ts';

const policy = { attempts: 5, firstDelayMs: 2000, maxDelayMs: 60_000 };
const quick = { attempts: 5, firstDelayMs: 1, maxDelayMs: 2 };
const never = new AbortController().signal;
const nowMs = Date.parse('2026-01-01T00:00:00Z');

function answer(status: number): HttpResponse {
  const body = (async function* () {})();
  return { status, headers: {}, body, readDocument: async () => undefined, discard: async () => {} };
}

function cut(code: string): Error {
  return Object.assign(new Error('cut'), { code });
}

/** How many answers are taken from the list until one is returned or thrown. */
async function sent(outcomes: readonly (number | string)[], goesOn = false): Promise<number> {
  let count = 0;
  const send = async (): Promise<HttpResponse> => {
    const outcome = outcomes[count] ?? 200;
    count += 1;
    if (typeof outcome === 'string') throw cut(outcome);
    return answer(outcome);
  };
  await sendWithRetries(send, quick, goesOn, never).catch(() => {});
  return count;
}

test('delays double up to the limit', () => {
  const delays = [1, 2, 3, 4, 5, 6].map((attempt) => delayBefore(attempt, undefined, policy, nowMs));
  assert.deepEqual(delays, [2000, 4000, 8000, 16_000, 32_000, 60_000]);
});

test('Retry-After is seconds or a date, and bounded', () => {
  const cases: [string, number][] = [
    ['7', 7000],
    ['0', 0],
    ['86400', 60_000],
    ['Thu, 01 Jan 2026 00:00:09 GMT', 9000],
    ['Thu, 01 Jan 2026 11:00:09 GMT', 60_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', 2000],
    ['-1', 2000],
    ['Thu nonsense', 2000],
  ];
  for (const [text, expected] of cases) assert.equal(delayBefore(1, text, policy, nowMs), expected, text);
});

test('a busy registry is asked as often as allowed, a broken one less often', async () => {
  assert.equal(await sent(Array(9).fill(429)), 5);
  assert.equal(await sent(Array(9).fill(503)), 3);
  assert.equal(await sent([500, 502, 200]), 3);
  assert.equal(await sent([429, 429, 503, 200]), 4);
  assert.equal(await sent([404]), 1);
});

test('a cut connection is made again once, and while a blob goes on an absent registry is waited for', async () => {
  assert.equal(await sent(['ECONNRESET', 200]), 2);
  assert.equal(await sent(Array(9).fill('ECONNRESET')), 2);
  assert.equal(await sent(Array(9).fill('ECONNREFUSED')), 1);
  assert.equal(await sent(Array(9).fill('ECONNREFUSED'), true), 5);
  assert.equal(await sent(Array(9).fill('CERT_HAS_EXPIRED'), true), 1);
});
