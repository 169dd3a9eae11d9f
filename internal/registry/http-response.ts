// The answer to a request, whose body is read in bounded time and space.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

export interface BodyLimits {
  /** Between two pieces of a body of at least 1 KiB, while the reader waits. */
  readonly noProgressMs: number;
  /** For a whole document: else a byte now and then holds a pull for days. */
  readonly documentMs: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: AsyncIterable<Uint8Array>;
  /** Reads a whole body; undefined when it is longer than `maxBytes`. */
  readDocument(maxBytes: number): Promise<Buffer | undefined>;
  /** Ends a body that nobody wants to read; when this resolves, the next request can use the connection. */
  discard(): Promise<void>;
}

const maxDiscardedBytes = 64 * 1024;
const maxDiscardMs = 250;
/** Fewer bytes than this within `noProgressMs` are no progress. */
const minProgressBytes = 1024;

/** `ENOTREACHED` when there was not even a connection. */
export class HttpTimeoutError extends Error {
  readonly code: 'ETIMEDOUT' | 'ENOTREACHED';

  constructor(message: string, code: 'ETIMEDOUT' | 'ENOTREACHED' = 'ETIMEDOUT') {
    super(message);
    this.code = code;
  }
}

export function responseOf(incoming: IncomingMessage, limits: BodyLimits): HttpResponse {
  const body = bodyOf(incoming, limits.noProgressMs);
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    body,
    readDocument: (maxBytes) => readDocument(incoming, body, maxBytes, limits.documentMs),
    discard: () => discard(incoming),
  };
}

/** Lets a short body pass, so that the connection can be used again; a long or slow one closes it. */
async function discard(incoming: IncomingMessage): Promise<void> {
  if (incoming.closed) return;
  let leftBytes = maxDiscardedBytes;
  const timer = setTimeout(() => incoming.destroy(), maxDiscardMs);
  incoming.on('data', (chunk: Uint8Array) => {
    leftBytes -= chunk.length;
    if (leftBytes < 0) incoming.destroy();
  });
  await new Promise((resolve) => incoming.once('close', resolve));
  clearTimeout(timer);
}

/** Reads a body; the clock runs only while the reader waits, so a slow disk is not taken for a dead registry. */
async function* bodyOf(incoming: IncomingMessage, noProgressMs: number): AsyncGenerator<Uint8Array> {
  let isWaiting = true;
  const timer = setTimeout(() => {
    if (isWaiting) incoming.destroy(new HttpTimeoutError('no progress'));
    else timer.refresh();
  }, noProgressMs);
  let progressBytes = 0;
  try {
    for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
      isWaiting = false;
      yield chunk;
      isWaiting = true;
      progressBytes += chunk.length;
      if (progressBytes < minProgressBytes) continue;
      progressBytes = 0;
      timer.refresh();
    }
  } finally {
    clearTimeout(timer);
    incoming.destroy();
  }
}

async function readDocument(
  incoming: IncomingMessage,
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  documentMs: number,
): Promise<Buffer | undefined> {
  const timer = setTimeout(() => incoming.destroy(new HttpTimeoutError('too slow')), documentMs);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of body) {
      length += chunk.length;
      if (length > maxBytes) return undefined;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, length);
  } finally {
    clearTimeout(timer);
  }
}
