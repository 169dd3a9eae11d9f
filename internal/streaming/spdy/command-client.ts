// A client of exec or attach over SPDY: one stream each for errors, stdin, stdout, stderr and sizes of its terminal.

import type { Duplex, Readable, Writable } from 'node:stream';
import { DaemonError } from '../../errors/daemon-error.ts';
import type { TerminalSize } from '../../monitor/stream-session.ts';
import { outcomeText } from '../outcome-text.ts';
import { ResizeReader } from '../resize-reader.ts';
import type { ClientTimeouts, CommandClient, CommandOutcome, CommandStreams } from '../stream-client.ts';
import { SpdySession, type StreamOffer } from './session.ts';
import type { SpdyStream } from './stream.ts';

type StreamType = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize';

/** The first version of the protocol in which sizes are sent. */
const resizeSince = 3;

function expectedStreams(streams: CommandStreams, version: number): Set<string> {
  const wanted: Record<StreamType, boolean> = {
    error: true,
    stdin: streams.stdin,
    stdout: streams.stdout,
    stderr: streams.stderr && !streams.terminal,
    resize: streams.terminal && version >= resizeSince,
  };
  return new Set(Object.entries(wanted).flatMap(([type, isWanted]) => (isWanted ? [type] : [])));
}

class SpdyCommandClient implements CommandClient {
  readonly gone: AbortSignal;
  readonly ready: Promise<void>;
  readonly #session: SpdySession;
  readonly #version: number;
  readonly #missing: Set<string>;
  readonly #streams = new Map<string, SpdyStream>();
  #tellReady: () => void = () => {};
  #lastSize: TerminalSize | undefined;
  #onSize: (size: TerminalSize) => void = (size) => {
    this.#lastSize = size;
  };

  constructor(socket: Duplex, version: number, streams: CommandStreams, idleMs: number) {
    this.#version = version;
    this.#missing = expectedStreams(streams, version);
    this.ready = new Promise((resolve) => {
      this.#tellReady = resolve;
    });
    this.#session = new SpdySession(socket, idleMs, (offer) => this.#offered(offer));
    this.gone = this.#session.gone;
  }

  get stdin(): Readable | undefined {
    return this.#streams.get('stdin');
  }

  get stdout(): Writable | undefined {
    return this.#streams.get('stdout');
  }

  get stderr(): Writable | undefined {
    return this.#streams.get('stderr');
  }

  /** For people. */
  get missing(): string {
    return [...this.#missing].join(', ');
  }

  onResize(listener: (size: TerminalSize) => void): void {
    this.#onSize = listener;
    if (this.#lastSize !== undefined) listener(this.#lastSize);
  }

  limitReading(): void {
    this.#session.limitReading();
  }

  async finish(outcome: CommandOutcome): Promise<void> {
    this.limitReading();
    await Promise.all(['stdout', 'stderr'].map((type) => ended(this.#streams.get(type), this.gone)));
    const error = this.#streams.get('error');
    const text = outcomeText(outcome, this.#version);
    if (text !== '') error?.write(text);
    await ended(error, this.gone);
    await this.#session.end();
  }

  /** Closes without an outcome. */
  async refuse(): Promise<void> {
    await this.#session.end();
  }

  #offered({ headers, accept }: StreamOffer): void {
    const type = headers.get('streamtype') ?? '';
    if (!this.#missing.delete(type)) return;
    const stream = accept({ isRead: type === 'stdin' || type === 'resize', diesAlone: false });
    this.#streams.set(type, stream);
    if (type === 'resize') this.#readSizes(stream);
    if (this.#missing.size === 0) this.#tellReady();
  }

  #readSizes(stream: SpdyStream): void {
    const reader = new ResizeReader((size) => this.#onSize(size));
    stream.on('data', (chunk: Buffer) => {
      if (!reader.push(chunk)) stream.destroy();
    });
  }
}

/** Ends `stream`; resolves when all of it is on its way, or the client is gone. */
function ended(stream: SpdyStream | undefined, gone: AbortSignal): Promise<void> {
  if (stream === undefined || gone.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    gone.addEventListener('abort', () => resolve(), { once: true });
    stream.once('close', resolve).once('finish', resolve);
    stream.end();
    if (stream.writableFinished || stream.destroyed) resolve();
  });
}

/**
 * Speaks SPDY/3.1 on a connection whose upgrade was answered. Resolves when the client has opened all `streams`; one that
 * was not asked for is reset. Rejects with `deadline-exceeded` or `cancelled`; the connection is closed then.
 */
export async function acceptSpdyCommand(
  socket: Duplex,
  version: number,
  streams: CommandStreams,
  timeouts: ClientTimeouts,
): Promise<CommandClient> {
  const client = new SpdyCommandClient(socket, version, streams, timeouts.idleMs);
  let timer: NodeJS.Timeout | undefined;
  const { gone } = client;
  try {
    await new Promise<void>((resolve, reject) => {
      void client.ready.then(resolve);
      gone.addEventListener('abort', () => reject(gone.reason as Error), { once: true });
      timer = setTimeout(() => reject(lateStreams(client.missing)), timeouts.creationMs);
    });
  } catch (cause) {
    await client.refuse();
    throw cause;
  } finally {
    clearTimeout(timer);
  }
  return client;
}

function lateStreams(missing: string): DaemonError {
  return new DaemonError(
    'deadline-exceeded',
    `the client has not opened its streams in time: ${missing} missing`,
  );
}
