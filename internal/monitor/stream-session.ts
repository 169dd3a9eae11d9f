// What a streaming server sees of a container's streams: one session per attached client or interactive command.

import type { Readable, Writable } from 'node:stream';
import type { ExecCommand } from './monitor.ts';

/** Of a terminal; 1–65535 each. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface AttachRequest {
  readonly containerId: string;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /**
   * What happens when the session's streams are not read and 256 KiB wait in the monitor, behind those in the session:
   * with `lossless` the container's output waits up to 5 s, then the session ends; with `drop` it ends at once.
   */
  readonly mode: 'lossless' | 'drop';
}

export interface ExecRequest extends ExecCommand {
  /** As `process` says. */
  readonly terminal: boolean;
  readonly stdin: boolean;
  /** What the terminal has when the command starts; undefined leaves it to resize. */
  readonly terminalSize: TerminalSize | undefined;
}

/** How a container or a command ended. */
export interface StreamExit {
  /** 0–255; 128 + signal when killed by a signal. */
  readonly code: number;
  readonly signal: number | undefined;
}

/**
 * The streams do not grow: what a consumer does not take is not asked for. Both outputs share what may wait (256 KiB), so
 * who asks for both reads both. An error of a stream is told by `exit` too, so they need no `error` listeners.
 */
export interface StreamSession {
  /** Its end is the end of the stdin of a command and of a container with `stdinOnce`, but never of a terminal. */
  readonly stdin: Writable | undefined;
  /** Also what a terminal shows. */
  readonly stdout: Readable | undefined;
  /** With a terminal there is none: undefined, or empty. */
  readonly stderr: Readable | undefined;
  /**
   * How the container or the command ended; all output is in the streams then, and may be read still. Rejects when that
   * is not known: `cancelled` after close or an abort; `resource-exhausted` when the session was too slow;
   * `deadline-exceeded` at the timeout; `unknown`, with the runtime's words, when a command could not be started.
   */
  readonly exit: Promise<StreamExit>;
  resize(size: TerminalSize): Promise<void>;
  /** To the container's init, or the command. One that has ended is success. */
  signal(signalNumber: number): Promise<void>;
  /** Ends the session: a client is detached, a command killed with all it has started. Idempotent. */
  close(): void;
}
