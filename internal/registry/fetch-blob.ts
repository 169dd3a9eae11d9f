// Blobs as streams that survive broken connections.

import type { HttpResponse } from './http-response.ts';
import type { BlobDescriptor } from './registry.ts';
import { badAnswer, fromNetworkError } from './registry-error.ts';
import type { RepositorySession } from './repository-session.ts';

/** A connection that brought this much is worth a new one. */
const resumeProgressBytes = 256 * 1024;
const resumeIntervalMs = 60_000;
/** A late break is forgiven only to a connection that brought something. */
const leastProgressBytes = 1024;

/** Asks for a blob; the rules for its bytes are those of `RemoteImage.openBlob`. */
export async function openBlob(
  session: RepositorySession,
  blob: BlobDescriptor,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const response = await get(session, blob, 0, signal);
  const refusal = checkWhole(response, blob);
  if (refusal !== undefined) {
    await response.discard();
    throw badAnswer(session.host, `${refusal} for blob "${blob.digest}"`);
  }
  return readBlob(session, blob, response, signal);
}

async function* readBlob(
  session: RepositorySession,
  blob: BlobDescriptor,
  first: HttpResponse,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const resume = new ResumeRule();
  let response = first;
  let received = 0;
  let repeated = 0;
  for (;;) {
    try {
      for await (const chunk of response.body) {
        const fresh = chunk.subarray(Math.min(repeated, chunk.length));
        repeated -= chunk.length - fresh.length;
        received += fresh.length;
        if (received > blob.sizeBytes) throw wrongSize(session, blob, 'more');
        if (fresh.length > 0) yield fresh;
      }
      if (received < blob.sizeBytes) throw wrongSize(session, blob, 'fewer');
      return;
    } catch (cause) {
      signal.throwIfAborted();
      if (received === blob.sizeBytes) return; // cut after the last byte
      const broken = fromNetworkError(session.host, cause);
      if (broken === cause || !resume.allows(received)) throw broken;
      response = await get(session, blob, received, signal);
      const startsAt = startOf(response);
      if (startsAt === undefined || startsAt > received) {
        await response.discard();
        throw broken;
      }
      repeated = received - startsAt;
    }
  }
}

/**
 * Whether to ask again: the first time, after good progress, or after some when the last break was long ago. A registry
 * that cuts every connection, or lets every one stall, does not hold a pull for ever.
 */
class ResumeRule {
  #lastBytes = 0;
  #lastAtMs: number | undefined;

  allows(receivedBytes: number): boolean {
    const nowMs = performance.now();
    const progressBytes = receivedBytes - this.#lastBytes;
    const isLate = this.#lastAtMs !== undefined && nowMs - this.#lastAtMs >= resumeIntervalMs;
    const allowed =
      this.#lastAtMs === undefined ||
      progressBytes >= resumeProgressBytes ||
      (isLate && progressBytes >= leastProgressBytes);
    this.#lastBytes = receivedBytes;
    this.#lastAtMs = nowMs;
    return allowed;
  }
}

function get(
  session: RepositorySession,
  { digest }: BlobDescriptor,
  offset: number,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const headers: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
  const what = `blob "${digest}"`;
  return session.get({ path: `blobs/${digest}`, headers, what, goesOn: offset > 0 }, signal);
}

function checkWhole(response: HttpResponse, blob: BlobDescriptor): string | undefined {
  if (response.status !== 200) return 'answered with a part';
  const length = response.headers['content-length'];
  if (length === undefined || Number(length) === blob.sizeBytes) return undefined;
  return `has ${length} bytes where the manifest says ${blob.sizeBytes}`;
}

/** Where the answer's bytes begin; a registry may ignore Range and begin again. */
function startOf({ status, headers }: HttpResponse): number | undefined {
  if (status === 200) return 0;
  const range = /^bytes (\d{1,15})-/.exec(headers['content-range'] ?? '');
  return range === null ? undefined : Number(range[1]);
}

function wrongSize(session: RepositorySession, blob: BlobDescriptor, comparison: 'more' | 'fewer'): Error {
  const text = `sent ${comparison} bytes for blob "${blob.digest}" than the manifest says (${blob.sizeBytes})`;
  return badAnswer(session.host, text);
}
