// Lists in portions, for nodes whose list is larger than a gRPC message: the answer of the unary twin, cut into pieces.

import { once } from 'node:events';
import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js';
import { describeError } from '../errors/daemon-error.ts';
import type { CriParts } from './cri-parts.ts';
import { isUnexpected, rpcFailure } from './status.ts';
import type { Rpc } from './unary.ts';

/** Items of one message, as CRI-O; an item is a few kilobytes at most. */
const itemsPerMessage = 3000;

/** Which twin answers, and how items leave its answer and enter a message. */
export interface StreamedList<Request, Answer, Item, Response> {
  readonly list: Rpc<Request, Answer>;
  readonly items: (answer: Answer) => readonly Item[] | undefined;
  readonly message: (items: Item[]) => Response;
}

/**
 * Gives lists their parts and makes gRPC handlers of them. The list is of one moment; a client that reads slowly is waited
 * for, and one that goes away ends the stream. An empty list is a stream without a message.
 */
export function bindStreamedList(
  parts: CriParts,
): <Request, Answer, Item, Response>(
  name: string,
  streamed: StreamedList<Request, Answer, Item, Response>,
) => handleServerStreamingCall<Request, Response> {
  return (name, streamed) => (call) => {
    const startMs = performance.now();
    const end = (isFailed: boolean): void =>
      parts.observeOperation(name, (performance.now() - startMs) / 1000, isFailed);
    send(parts, streamed, call).then(
      () => {
        end(false);
        call.end();
      },
      (error: unknown) => {
        end(true);
        const fields = { rpc: name, error: describeError(error) };
        if (isUnexpected(error)) parts.logger.error(fields, 'call failed unexpectedly');
        else parts.logger.info(fields, 'call failed');
        call.emit('error', rpcFailure(error));
      },
    );
  };
}

async function send<Request, Answer, Item, Response>(
  parts: CriParts,
  { list, items, message }: StreamedList<Request, Answer, Item, Response>,
  call: ServerWritableStream<Request, Response>,
): Promise<void> {
  const gone = new AbortController();
  call.on('cancelled', () => gone.abort());
  const all = items(await list(parts, call.request, gone.signal)) ?? [];
  for (let at = 0; at < all.length; at += itemsPerMessage) {
    if (call.cancelled) return;
    const hasRoom = call.write(message(all.slice(at, at + itemsPerMessage)));
    if (!hasRoom) await once(call, 'drain', { signal: gone.signal });
  }
}
