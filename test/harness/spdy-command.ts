// A client of SPDY/3.1 at the end of a socket, and the product's side of a command that it talks to.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import { acceptSpdyCommand } from '../../internal/streaming/spdy/command-client.ts';
import { headerDictionary } from '../../internal/streaming/spdy/header-dictionary.ts';
import type { CommandClient, CommandStreams } from '../../internal/streaming/stream-client.ts';
import { type SocketPair, socketPair } from './socket-pair.ts';
import { type ClientStream, SpdyClient } from './spdy-client.ts';

export const patient = { idleMs: 600_000, creationMs: 600_000 };
export const plain: CommandStreams = { stdin: true, stdout: true, stderr: true, terminal: false };
export const mebibyte = 1024 * 1024;

export async function connected(t: TestContext): Promise<SocketPair & { spdy: SpdyClient }> {
  const pair = await socketPair();
  t.after(() => {
    pair.client.destroy();
    pair.server.destroy();
  });
  return { ...pair, spdy: new SpdyClient(pair.client, headerDictionary()) };
}

export interface Opened {
  readonly spdy: SpdyClient;
  readonly pair: SocketPair;
  readonly client: CommandClient;
  readonly remote: Readonly<Record<string, ClientStream>>;
}

export async function opened(
  t: TestContext,
  streams = plain,
  version = 4,
  timeouts = patient,
): Promise<Opened> {
  const pair = await connected(t);
  const accepted = acceptSpdyCommand(pair.server, version, streams, timeouts);
  const remote: Record<string, ClientStream> = {};
  const types = { error: true, ...streams, stderr: streams.stderr && !streams.terminal };
  for (const [type, isOpen] of Object.entries({ ...types, terminal: false, resize: streams.terminal }))
    if (isOpen) remote[type] = await pair.spdy.open({ streamtype: type });
  return { pair, spdy: pair.spdy, client: await accepted, remote };
}

/** The stream, which has to be there. */
export function there<T extends Readable | Writable>(stream: T | undefined): T {
  assert.ok(stream !== undefined);
  return stream;
}

export async function aborted(signal: AbortSignal): Promise<unknown> {
  if (!signal.aborted) await once(signal, 'abort');
  return signal.reason;
}
