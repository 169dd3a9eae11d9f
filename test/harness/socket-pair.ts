// Two ends of one TCP connection on loopback.

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface SocketPair {
  /** As an HTTP server has it: its writing side stays open when the client has ended its own. */
  readonly server: Socket;
  readonly client: Socket;
}

export async function socketPair(): Promise<SocketPair> {
  const listener = createServer({ allowHalfOpen: true, noDelay: true });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('the listener has no port');
  const client = connect({ port: address.port, host: '127.0.0.1', noDelay: true });
  const [[server]] = (await Promise.all([once(listener, 'connection'), once(client, 'connect')])) as [
    [Socket],
    unknown,
  ];
  listener.close();
  return { server, client };
}
