// What the stream server sees of one client's connection, whatever protocol it speaks: SPDY/3.1 or WebSocket.

import type { Duplex, Readable, Writable } from 'node:stream';
import type { TerminalSize } from '../monitor/stream-session.ts';

/** Which streams an exec or attach has, as the CRI request said. */
export interface CommandStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  /** Never with a terminal. */
  readonly stderr: boolean;
  readonly terminal: boolean;
}

/** How an exec or attach ended, for the client's error stream. */
export type CommandOutcome =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'failed'; readonly message: string };

/**
 * A client whose session is over may take its time to read the rest, in a pager for instance. One that has not taken anything for
 * so long, or not all of what is in its socket, is cut off: pings alone would keep it for ever.
 */
export const readingMaxMs = 3_600_000;

/** A client of exec or attach. Its streams hold a bounded amount: who writes waits for `drain`. */
export interface CommandClient {
  /** Ends when the client closes its side of it; fails with nothing else than `gone`. */
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** Told each size that the client sends from now on, and at once the last one that it has sent before. */
  onResize(listener: (size: TerminalSize) => void): void;
  /** Aborted when the client or the connection is gone, or was idle for too long; before or after `finish`. */
  readonly gone: AbortSignal;
  /** From now on a client that takes nothing for `readingMaxMs` is gone: nobody waits for the session any more. Idempotent. */
  limitReading(): void;
  /**
   * Ends the outputs behind what was written, tells the outcome, and closes as the protocol wants. Resolves when the
   * connection is closed, in bounded time; never rejects.
   */
  finish(outcome: CommandOutcome): Promise<void>;
}

/** One connection that a client of port-forward opened. */
export interface ForwardedConnection {
  readonly port: number;
  /** Both directions may end apart; `destroy` drops both. */
  readonly data: Duplex;
  /** Tells the client why nothing more comes, and drops the connection. */
  fail(message: string): void;
}

export interface PortForwardClient {
  /** Told each connection from now on; those that came before, at once. */
  onConnection(listener: (connection: ForwardedConnection) => void): void;
  readonly gone: AbortSignal;
  /** Ends all connections; resolves when the client's connection is closed, in bounded time; never rejects. */
  close(): Promise<void>;
}

export interface ClientTimeouts {
  /** Without a frame in either direction, of which pings are some, the connection is closed; 0: never. */
  readonly idleMs: number;
  /** Until all streams of a command, or both of a forwarded connection, are there. */
  readonly creationMs: number;
}
