// A remote command at the standard streams of this process.

import type { Readable, Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import type { RemoteCommand } from '../../../internal/cri-client/remote-command.ts';
import { DaemonError, describeError } from '../../../internal/errors/daemon-error.ts';
import { errnoCode } from '../../../internal/errors/errno.ts';
import { DetachKeys } from './detach-keys.ts';
import { enterRawMode, watchSize } from './raw-terminal.ts';
import { writeTo } from './standard-streams.ts';

export interface SessionOptions {
  readonly stdin: boolean;
  readonly terminal: boolean;
  /** Bytes; empty for none. */
  readonly detachKeys: Buffer;
}

export type SessionEnd = { readonly kind: 'exited'; readonly code: number } | { readonly kind: 'detached' };

/** As of a program that SIGPIPE has killed: nobody reads what it writes. */
const brokenPipe = { kind: 'exited', code: 128 + 13 } as const;

/** What a person's input may do to the session. */
interface InputEvents {
  detach(): void;
  /** It is cut off, which is no end that the command may take for one. */
  fail(cause: DaemonError): void;
}

/**
 * Until the command has ended, the person has left, or `signal` aborts; the terminal is as before then. Rejects with `unavailable`
 * when the input cannot be read.
 */
export async function runSession(
  command: RemoteCommand,
  options: SessionOptions,
  signal: AbortSignal,
): Promise<SessionEnd> {
  const leaving: (() => void)[] = [];
  const close = (): void => command.close();
  signal.addEventListener('abort', close, { once: true });
  leaving.push(() => signal.removeEventListener('abort', close));
  if (signal.aborted) close();
  try {
    const { stdin } = process;
    if (options.terminal) leaving.push(watchSize((size) => command.resize(size)));
    if (options.terminal && options.stdin && stdin instanceof ReadStream) leaving.push(enterRawMode(stdin));
    const detached = new Promise<SessionEnd>((resolve, fail) => {
      const events = { detach: () => resolve({ kind: 'detached' }), fail };
      if (options.stdin) leaving.push(carryInput(stdin, command.stdin, options, events));
    });
    return await Promise.race([detached, ended(command, signal)]);
  } catch (cause) {
    signal.throwIfAborted();
    throw cause;
  } finally {
    command.close();
    for (const leave of leaving.reverse()) leave();
  }
}

/** When all output was written. */
async function ended(command: RemoteCommand, signal: AbortSignal): Promise<SessionEnd> {
  const [isRead, , code] = await Promise.all([
    carryOutput(command.stdout, process.stdout, { command, signal }),
    carryOutput(command.stderr, process.stderr, { command, signal }),
    command.exitCode.catch((cause: unknown) => cause),
  ]);
  if (!isRead) return brokenPipe;
  if (typeof code !== 'number') throw code;
  return { kind: 'exited', code };
}

/** False when nobody reads it any more; the command is left then. */
async function carryOutput(
  from: Readable,
  to: Writable,
  { command, signal }: { readonly command: RemoteCommand; readonly signal: AbortSignal },
): Promise<boolean> {
  for await (const chunk of from) {
    if (await writeTo(to, chunk as Buffer, signal)) continue;
    command.close();
    return false;
  }
  return true;
}

/** Hands on what is typed or piped, until the returned function is called. */
function carryInput(
  from: NodeJS.ReadStream,
  to: Writable,
  { detachKeys, terminal }: SessionOptions,
  { detach, fail }: InputEvents,
): () => void {
  const keys = new DetachKeys(terminal ? detachKeys : Buffer.alloc(0));
  const onData = (chunk: Buffer): void => {
    const { pass, isDetached } = keys.feed(chunk);
    const isTaken = pass.length === 0 || to.destroyed || to.write(pass);
    if (isDetached) detach();
    if (isDetached || isTaken) return;
    from.pause();
    to.once('drain', () => from.resume());
  };
  const onEnd = (): void => void to.end();
  const unreadable = (cause: unknown): DaemonError => {
    const text = `standard input cannot be read: ${errnoCode(cause) ?? describeError(cause)}`;
    return new DaemonError('unavailable', text);
  };
  // Of a terminal: its window is closed.
  const onError = (cause: unknown): void => (from.isTTY ? onEnd() : fail(unreadable(cause)));
  from.on('data', onData).once('end', onEnd).on('error', onError);
  return () => {
    from.off('data', onData).off('end', onEnd);
    from.pause();
    from.unref?.(); // what is typed from now on is for the shell
  };
}
