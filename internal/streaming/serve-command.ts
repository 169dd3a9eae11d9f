// Between a client of exec or attach and the session in the container. Nothing waits here: who is not read is not asked.

import { setMaxListeners } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { waitFor } from '../async/wait-for.ts';
import { describeError } from '../errors/daemon-error.ts';
import type { StreamSession } from '../monitor/stream-session.ts';
import type { CommandClient, CommandOutcome } from './stream-client.ts';
import type { CommandTicket } from './stream-ticket.ts';
import { TerminalSizes } from './terminal-sizes.ts';

/** Serves the client to its end; the session is over then, whoever ended it. Resolves with what the client was told; never rejects. */
export async function serveCommand(
  client: CommandClient,
  ticket: CommandTicket,
  end: AbortSignal,
): Promise<CommandOutcome> {
  const life = new AbortController();
  const leave = (): void => life.abort(client.gone.aborted ? client.gone.reason : end.reason);
  for (const signal of [client.gone, end]) {
    setMaxListeners(0, signal); // `end` has one for each session
    signal.addEventListener('abort', leave);
    if (signal.aborted) leave();
  }
  try {
    const outcome = await outcomeOf(client, ticket, life.signal);
    await client.finish(outcome);
    return outcome;
  } finally {
    end.removeEventListener('abort', leave);
  }
}

async function outcomeOf(
  client: CommandClient,
  ticket: CommandTicket,
  signal: AbortSignal,
): Promise<CommandOutcome> {
  const sizes = new TerminalSizes(client);
  let session: StreamSession | undefined;
  try {
    session = await ticket.open(signal);
    carryInput(client.stdin, session.stdin);
    const carried = Promise.all([
      carryOutput(session.stdout, client.stdout),
      carryOutput(session.stderr, client.stderr),
    ]);
    sizes.applyTo(session);
    const { code } = await session.exit;
    client.limitReading();
    await waitFor(carried, signal);
    // The end of an attachment is success, as with containerd and CRI-O: how the container ended the pod's status tells.
    return { kind: 'exited', code: ticket.kind === 'exec' ? code : 0 };
  } catch (cause) {
    return { kind: 'failed', message: describeError(signal.aborted ? signal.reason : cause) };
  } finally {
    session?.close();
    client.stdin?.unpipe().resume();
  }
}

/** What comes for a stdin that is closed is dropped: what else the client sends must get through. */
function carryInput(from: Readable | undefined, to: Writable | undefined): void {
  if (from === undefined) {
    to?.end();
  } else if (to === undefined || to.destroyed) {
    from.resume();
  } else {
    to.once('close', () => from.unpipe(to).resume());
    from.pipe(to);
  }
}

/** Resolves when `from` has ended and all of it was written to `to`, or nobody wants it. */
async function carryOutput(from: Readable | undefined, to: Writable | undefined): Promise<void> {
  if (from === undefined) return;
  const ended = new Promise<void>((resolve) => from.once('close', resolve));
  if (to === undefined || to.destroyed) {
    from.resume();
  } else {
    to.once('close', () => from.unpipe(to).resume());
    from.pipe(to, { end: false });
  }
  await ended;
}
