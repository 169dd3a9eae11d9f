// A client of the CRI, as crictl is one: what a person asks on the command line goes to the daemon by it.

import { fileURLToPath } from 'node:url';
import {
  type Client,
  credentials,
  loadPackageDefinition,
  type ServiceClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import type { RuntimeServiceDefinition } from '../cri/gen/runtime/v1/RuntimeService.ts';
import { DaemonError, type ErrorKind } from '../errors/daemon-error.ts';

type Methods = RuntimeServiceDefinition;
export type MethodName = keyof Methods & string;
export type RequestOf<M extends MethodName> =
  Methods[M] extends MethodDefinition<infer Request, infer _Out, infer _In, infer _Response>
    ? Request
    : never;
export type ResponseOf<M extends MethodName> =
  Methods[M] extends MethodDefinition<infer _Request, infer _Out, infer _In, infer Response>
    ? Response
    : never;

export interface CriClient {
  /** Calls a unary RPC of the runtime service. Rejects with the daemon's own words, or with the signal's reason. */
  call<M extends MethodName>(method: M, request: RequestOf<M>, signal: AbortSignal): Promise<ResponseOf<M>>;
  close(): void;
}

const callTimeoutMs = 30_000;
/** A daemon that is started again is found soon after. */
const reconnectMs = 1000;
/** Lists of some ten thousand containers. */
const maxMessageBytes = 80 << 20;

/** Opens a client of the daemon at this unix socket. It connects at its first call. */
export function connectCri(socketPath: string): CriClient {
  const service = runtimeService();
  const client = new service(`unix:${socketPath}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_reconnect_backoff_ms': reconnectMs,
  });
  return {
    call: (method, request, signal) => callUnary({ client, service, socketPath }, method, request, signal),
    close: () => client.close(),
  };
}

/** The options are those with which the types were made. */
function runtimeService(): ServiceClientConstructor {
  const proto = fileURLToPath(new URL('../../proto/runtime/v1/api.proto', import.meta.url));
  const definition = loadSync(proto, { longs: String, enums: String, defaults: true, oneofs: true });
  const loaded = loadPackageDefinition(definition) as unknown as {
    runtime: { v1: { RuntimeService: ServiceClientConstructor } };
  };
  return loaded.runtime.v1.RuntimeService;
}

interface Target {
  readonly client: Client;
  readonly service: ServiceClientConstructor;
  readonly socketPath: string;
}

async function callUnary<M extends MethodName>(
  { client, service, socketPath }: Target,
  method: M,
  request: RequestOf<M>,
  signal: AbortSignal,
): Promise<ResponseOf<M>> {
  signal.throwIfAborted();
  const definition = service.service[method] as MethodDefinition<RequestOf<M>, ResponseOf<M>>;
  let cancel = (): void => {};
  try {
    return await new Promise<ResponseOf<M>>((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = definition;
      const options = { deadline: Date.now() + callTimeoutMs };
      const call = client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        options,
        (error, response) => (error === null && response !== undefined ? resolve(response) : reject(error)),
      );
      cancel = () => call.cancel();
      signal.addEventListener('abort', cancel, { once: true });
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw daemonError(cause as ServiceError, method, socketPath);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

const kinds: Readonly<Partial<Record<status, ErrorKind>>> = {
  [status.NOT_FOUND]: 'not-found',
  [status.INVALID_ARGUMENT]: 'invalid-argument',
  [status.FAILED_PRECONDITION]: 'failed-precondition',
  [status.DEADLINE_EXCEEDED]: 'deadline-exceeded',
  [status.RESOURCE_EXHAUSTED]: 'resource-exhausted',
  [status.UNIMPLEMENTED]: 'unimplemented',
  [status.UNAVAILABLE]: 'unavailable',
};

function daemonError({ code, details }: ServiceError, method: string, socketPath: string): DaemonError {
  // grpc-js says it of a connection; the daemon itself never uses these words.
  if (code === status.UNAVAILABLE && details.startsWith('No connection established'))
    return new DaemonError(
      'unavailable',
      `no daemon answers on "${socketPath}": ${connectionFault(details)}`,
    );
  if (code === status.DEADLINE_EXCEEDED && details.startsWith('Deadline exceeded after'))
    return new DaemonError(
      'deadline-exceeded',
      `whoever listens on "${socketPath}" does not answer ${method} within ${callTimeoutMs / 1000} s; is it the daemon, and is it overloaded?`,
    );
  return new DaemonError(kinds[code] ?? 'unknown', details);
}

/** The details hold times and more that helps nobody. */
function connectionFault(details: string): string {
  const [, code] = /\b(E[A-Z]+)\b/.exec(details) ?? [];
  if (code === 'ENOENT') return 'there is no such socket; is it running, and is --listen right?';
  if (code === 'ECONNREFUSED') return 'nobody listens there; is it running?';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied; it needs root';
  return code ?? 'what listens there does not speak gRPC; is --listen right?';
}
