import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import type { handleUnaryCall, ServerUnaryCall } from '@grpc/grpc-js';
import { silentLogger } from '../log/logger.ts';
import type { CriParts } from './cri-parts.ts';
import { RunningCalls } from './running-calls.ts';
import { bindUnary, type Rpc } from './unary.ts';

const parts = { logger: silentLogger, observeOperation() {} } as unknown as CriParts;

/** What gRPC makes of the handler of `rpc`; the call's emitter is that of a client that may cancel. */
function call(rpc: Rpc<object, object>) {
  const handler: handleUnaryCall<object, object> = bindUnary(parts, new RunningCalls())('Version', rpc);
  const emitter = Object.assign(new EventEmitter(), { request: {} });
  const answered = new Promise((resolve) => {
    handler(emitter as unknown as ServerUnaryCall<object, object>, (error, value) => resolve(error ?? value));
  });
  return { emitter, answered };
}

test('a client that cancels aborts the signal of its call', async () => {
  let isAborted = false;
  const { emitter, answered } = call(async (_parts, _request, signal) => {
    await once(signal, 'abort');
    isAborted = signal.aborted;
    return {};
  });
  emitter.emit('cancelled');
  await answered;
  assert.equal(isAborted, true);
});

test('the end of a call, which gRPC tells as a cancellation, aborts nothing', async () => {
  let seen: AbortSignal | undefined;
  const { emitter, answered } = call(async (_parts, _request, signal) => {
    seen = signal;
    return {};
  });
  await answered;
  emitter.emit('cancelled');
  assert.equal(seen?.aborted, false);
});
