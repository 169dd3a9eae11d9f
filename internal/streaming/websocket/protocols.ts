// The WebSocket protocols by their names, as clients offer them: those of the API server, of other languages, of old kubectls.

import type { StreamKind } from '../stream-ticket.ts';

export interface WebSocketProtocol {
  /** As it is answered; empty when the client has offered none. */
  readonly name: string;
  /** `channels`: each message begins with its channel. `tunnel`: the messages are the bytes of a SPDY connection. */
  readonly form: 'channels' | 'tunnel';
  /** Messages are text: a digit for the channel and base64. */
  readonly isBase64: boolean;
  /** From 4 on outcomes are a Status in JSON; from 5 on a client can end its stdin. */
  readonly version: number;
}

function channels(name: string, version: number): [string, WebSocketProtocol] {
  const isBase64 = name.includes('base64');
  return [name, { name, form: 'channels', isBase64, version }];
}

const tunnel: WebSocketProtocol = {
  ...{ name: 'SPDY/3.1+portforward.k8s.io', form: 'tunnel' },
  ...{ isBase64: false, version: 1 },
};

const commandProtocols: ReadonlyMap<string, WebSocketProtocol> = new Map([
  channels('v5.channel.k8s.io', 5),
  channels('v4.channel.k8s.io', 4),
  channels('v4.base64.channel.k8s.io', 4),
  channels('v3.channel.k8s.io', 3),
  channels('v2.channel.k8s.io', 2),
  channels('channel.k8s.io', 1),
  channels('base64.channel.k8s.io', 1),
  channels('', 1),
]);

const portForwardProtocols: ReadonlyMap<string, WebSocketProtocol> = new Map([
  [tunnel.name, tunnel],
  channels('v4.channel.k8s.io', 4),
  channels('v4.base64.channel.k8s.io', 4),
  channels('', 4),
]);

/** What clients may offer for each kind of stream, by name; the empty name is for those that offer none. */
export const webSocketProtocols: Readonly<Record<StreamKind, ReadonlyMap<string, WebSocketProtocol>>> = {
  exec: commandProtocols,
  attach: commandProtocols,
  portforward: portForwardProtocols,
};
