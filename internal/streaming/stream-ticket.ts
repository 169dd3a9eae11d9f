// The three kinds of streams, and what is done for the client who comes for one.

import type { Duplex } from 'node:stream';
import type { StreamSession } from '../monitor/stream-session.ts';
import type { CommandStreams } from './stream-client.ts';

/** As in the path of the URL. */
export const streamKinds = ['exec', 'attach', 'portforward'] as const;

export type StreamKind = (typeof streamKinds)[number];

export interface CommandTicket {
  readonly kind: 'exec' | 'attach';
  /** The container. */
  readonly owner: string;
  readonly streams: CommandStreams;
  /** An abort ends the session, then and later. */
  open(signal: AbortSignal): Promise<StreamSession>;
}

export interface PortForwardTicket {
  readonly kind: 'portforward';
  /** The sandbox. */
  readonly owner: string;
  /** For clients that cannot name ports themselves. */
  readonly ports: readonly number[];
  dial(port: number, signal: AbortSignal): Promise<Duplex>;
  /** Aborted when the sandbox is stopped; `release` ends the watch. */
  watch(): { readonly stopped: AbortSignal; release(): void };
}

export type StreamTicket = CommandTicket | PortForwardTicket;
