// Between a client of port-forward and the pod: one connection into it for each of the client's.

import { setMaxListeners } from 'node:events';
import type { Duplex } from 'node:stream';
import { describeError } from '../errors/daemon-error.ts';
import type { ForwardedConnection, PortForwardClient } from './stream-client.ts';
import type { PortForwardTicket } from './stream-ticket.ts';

/** Serves the client until it or the sandbox is gone; no connection is left then. Never rejects. */
export async function servePortForward(
  client: PortForwardClient,
  ticket: PortForwardTicket,
  end: AbortSignal,
): Promise<void> {
  const life = new AbortController();
  const { stopped, release } = ticket.watch();
  setMaxListeners(0, end, life.signal);
  await new Promise<void>((resolve) => {
    const leave = (): void => resolve();
    for (const signal of [client.gone, end, stopped]) {
      signal.addEventListener('abort', leave, { once: true });
      if (signal.aborted) leave();
    }
    life.signal.addEventListener('abort', () => end.removeEventListener('abort', leave));
    client.onConnection((connection) => void forward(connection, ticket, life.signal));
  });
  life.abort();
  release();
  await client.close();
}

async function forward(
  connection: ForwardedConnection,
  ticket: PortForwardTicket,
  signal: AbortSignal,
): Promise<void> {
  const { port, data } = connection;
  const leave = new AbortController();
  const gone = (): void => leave.abort(signal.reason);
  signal.addEventListener('abort', gone);
  data.once('close', gone); // a client need not wait for a pod that does not answer
  try {
    const socket = await ticket.dial(port, leave.signal);
    data.off('close', gone);
    if (data.destroyed) socket.destroy();
    else join(data, socket);
    leave.signal.addEventListener('abort', () => void socket.destroy());
    socket.once('close', () => signal.removeEventListener('abort', gone));
  } catch (cause) {
    signal.removeEventListener('abort', gone);
    if (data.destroyed) return;
    // The words are those that clients and people know of other runtimes.
    connection.fail(`error forwarding port ${port} to pod ${ticket.owner}: ${describeError(cause)}`);
  }
}

/** Each direction ends apart. A side that breaks takes the other with it; one that has ended well leaves it to finish. */
function join(left: Duplex, right: Duplex): void {
  for (const [one, other] of [
    [left, right],
    [right, left],
  ] as const) {
    one.on('error', () => {});
    one.pipe(other);
    one.once('close', () => {
      if (!one.readableEnded || !one.writableFinished) other.destroy();
    });
  }
}
