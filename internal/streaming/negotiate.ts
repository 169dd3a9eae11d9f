// Which protocol a request for a stream is answered with, or why it is not. The order of the checks and their codes are those of
// the servers in k8s.io/cri-streaming, whose clients tell them apart.

import type { IncomingHttpHeaders } from 'node:http';
import { type StreamKind, streamKinds } from './stream-ticket.ts';
import { type WebSocketProtocol, webSocketProtocols } from './websocket/protocols.ts';

export interface Refusal {
  readonly code: number;
  readonly text: string;
  readonly headers?: readonly (readonly [string, string])[];
}

export type Negotiated =
  | { readonly by: 'websocket'; readonly protocol: WebSocketProtocol }
  | { readonly by: 'spdy'; readonly name: string; readonly version: number };

const commandProtocols = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'];
const spdyProtocols: Readonly<Record<StreamKind, readonly string[]>> = {
  exec: commandProtocols,
  attach: commandProtocols,
  portforward: ['portforward.k8s.io'],
};

/** `/exec/TOKEN` and the like; undefined for any other path. */
export function parseStreamPath(url: string): { kind: StreamKind; token: string } | undefined {
  const [, name, token] = /^\/([a-z]+)\/([\w-]+)$/.exec(url.split('?')[0] ?? '') ?? [];
  const kind = streamKinds.find((known) => known === name);
  return kind === undefined || token === undefined ? undefined : { kind, token };
}

/** The headers as Node has them: repeated ones are joined by commas. */
export function negotiate(kind: StreamKind, headers: IncomingHttpHeaders): Negotiated | Refusal {
  const isUpgrade = words(headers['connection']).some((word) => word.toLowerCase() === 'upgrade');
  const upgrade = headers['upgrade']?.toLowerCase();
  if (isUpgrade && upgrade === 'websocket') return negotiateWebSocket(kind, headers);
  const offered = words(headers['x-stream-protocol-version']);
  if (offered.length === 0) return { code: 400, text: 'the header X-Stream-Protocol-Version is missing' };
  const known = spdyProtocols[kind];
  const name = offered.find((protocol) => known.includes(protocol));
  if (name === undefined) {
    const accepted = known.map((protocol) => ['X-Accepted-Stream-Protocol-Versions', protocol] as const);
    return { code: 403, text: 'none of the offered stream protocols is known here', headers: accepted };
  }
  if (!isUpgrade || !words(upgrade).includes('spdy/3.1'))
    return { code: 400, text: 'the request asks for no upgrade to SPDY/3.1 or WebSocket' };
  return { by: 'spdy', name, version: versionOf(name) };
}

function negotiateWebSocket(kind: StreamKind, headers: IncomingHttpHeaders): Negotiated | Refusal {
  const known = webSocketProtocols[kind];
  const offered = words(headers['sec-websocket-protocol']);
  const names = offered.length === 0 ? [''] : offered;
  const protocol = names.map((name) => known.get(name)).find((found) => found !== undefined);
  if (protocol === undefined)
    return { code: 403, text: 'none of the offered WebSocket protocols is known here' };
  return { by: 'websocket', protocol };
}

function versionOf(name: string): number {
  return Number(/^v(\d)\./.exec(name)?.[1] ?? 1);
}

function words(header: string | string[] | undefined): string[] {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}
