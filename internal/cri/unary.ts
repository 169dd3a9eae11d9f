// Every unary RPC goes through here: one signal, one log line, one place that turns a failure into a status.

import type { handleUnaryCall } from '@grpc/grpc-js';
import { describeError } from '../errors/daemon-error.ts';
import type { CriParts } from './cri-parts.ts';
import type { RunningCalls } from './running-calls.ts';
import { isUnexpected, rpcFailure } from './status.ts';

/** An RPC: the parts it works with, its request, and a signal that aborts when the client cancels or its deadline passes. */
export type Rpc<Request, Response> = (
  parts: CriParts,
  request: Request,
  signal: AbortSignal,
) => Promise<Response>;

/** Gives RPCs their parts and makes gRPC handlers of them, which are among `running` until they have ended. */
export function bindUnary(
  parts: CriParts,
  running: RunningCalls,
): <Request, Response>(name: string, rpc: Rpc<Request, Response>) => handleUnaryCall<Request, Response> {
  return (name, rpc) => (call, done) => {
    const startMs = performance.now();
    const abort = new AbortController();
    let isOver = false;
    // For a client that cancels, a deadline that passes, and, which means nothing, the end of every call.
    call.on('cancelled', () => {
      if (!isOver) abort.abort();
    });
    const end = (isFailed: boolean): number => {
      isOver = true;
      const tookMs = performance.now() - startMs;
      parts.observeOperation(name, tookMs / 1000, isFailed);
      return Math.round(tookMs * 100) / 100;
    };
    running.add(answer(rpc, parts, call.request, abort.signal)).then(
      (response) => {
        parts.logger.debug({ rpc: name, tookMs: end(false) }, 'answered');
        done(null, response);
      },
      (error: unknown) => {
        const fields = { rpc: name, tookMs: end(true), error: describeError(error) };
        if (isUnexpected(error))
          parts.logger.error({ ...fields, stack: stackOf(error) }, 'call failed unexpectedly');
        else parts.logger.info(fields, 'call failed');
        done(rpcFailure(error));
      },
    );
  };
}

/** A handler that throws before its first await rejects like any other. */
async function answer<Request, Response>(
  rpc: Rpc<Request, Response>,
  ...args: Parameters<Rpc<Request, Response>>
): Promise<Response> {
  return rpc(...args);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? '') : '';
}
