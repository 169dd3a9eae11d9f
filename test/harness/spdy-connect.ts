// Takes the URL that Exec, Attach or PortForward has answered, as the kubelet does: POST, then SPDY/3.1.

import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { headerDictionary } from '../../internal/streaming/spdy/header-dictionary.ts';
import { type ClientStream, SpdyClient } from './spdy-client.ts';

/** Rejects with the server's words when it does not upgrade. */
export async function connectSpdy(url: string, ...protocols: readonly string[]): Promise<SpdyClient> {
  const socket = await new Promise<Duplex>((resolve, reject) => {
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'SPDY/3.1',
      'X-Stream-Protocol-Version': [...protocols],
    };
    const asked = request(url, { method: 'POST', headers, agent: false });
    asked.on('error', reject);
    asked.on('response', (response) => {
      response.resume();
      reject(new Error(`the server answered ${response.statusCode} ${response.statusMessage}`));
    });
    asked.on('upgrade', (_response, upgraded, head) => {
      upgraded.setNoDelay(true);
      if (head.length > 0) upgraded.unshift(head);
      resolve(upgraded);
    });
    asked.end();
  });
  return new SpdyClient(socket, headerDictionary());
}

export interface SpdyCommand {
  readonly client: SpdyClient;
  readonly error: ClientStream;
  readonly stdin: ClientStream | undefined;
  readonly stdout: ClientStream | undefined;
}

/** A command without a terminal and stderr; its streams are opened in the order of the clients. */
export async function openCommand(
  url: string,
  streams: { readonly stdin: boolean; readonly stdout: boolean },
): Promise<SpdyCommand> {
  const client = await connectSpdy(url, 'v4.channel.k8s.io');
  const error = await client.open({ streamtype: 'error' });
  const stdin = streams.stdin ? await client.open({ streamtype: 'stdin' }) : undefined;
  const stdout = streams.stdout ? await client.open({ streamtype: 'stdout' }) : undefined;
  return { client, error, stdin, stdout };
}

/** One connection of a port-forward. */
export async function openForward(
  client: SpdyClient,
  port: number,
  requestId: number,
): Promise<{ readonly error: ClientStream; readonly data: ClientStream }> {
  const headers = { port: String(port), requestid: String(requestId) };
  const error = await client.open({ ...headers, streamtype: 'error' }, 1);
  return { error, data: await client.open({ ...headers, streamtype: 'data' }) };
}
