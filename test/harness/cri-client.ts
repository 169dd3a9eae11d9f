// A CRI v1 client over a unix socket: every unary RPC by its name, typed from the proto file.

import { fileURLToPath } from 'node:url';
import {
  type Client,
  credentials,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import type { ImageServiceDefinition } from '../../internal/cri/gen/runtime/v1/ImageService.ts';
import type { RuntimeServiceDefinition } from '../../internal/cri/gen/runtime/v1/RuntimeService.ts';
import { patienceMs } from './until.ts';

type RequestOf<M> =
  M extends MethodDefinition<infer Request, infer _Out, infer _In, infer _Response> ? Request : never;
type ResponseOf<M> =
  M extends MethodDefinition<infer _Request, infer _Out, infer _In, infer Response> ? Response : never;

/** Calls a unary RPC of `Service`; rejects with grpc-js's ServiceError, whose `code` is the gRPC status. */
type Caller<Service> = <M extends keyof Service & string>(
  method: M,
  request: RequestOf<Service[M]>,
  timeoutMs?: number,
  /** Cancels the call. */
  signal?: AbortSignal,
) => Promise<ResponseOf<Service[M]>>;

/** Reads a server's stream to its end: every message, in order. */
type Reader<Service> = <M extends keyof Service & string>(
  method: M,
  request: RequestOf<Service[M]>,
) => Promise<ResponseOf<Service[M]>[]>;

export interface CriClient {
  readonly readRuntime: Reader<RuntimeServiceDefinition>;
  readonly readImage: Reader<ImageServiceDefinition>;
  readonly runtime: Caller<RuntimeServiceDefinition>;
  readonly image: Caller<ImageServiceDefinition>;
  close(): void;
}

const maxMessageBytes = 16 << 20;

/** The same options as for `proto-loader-gen-types`: what the generated types promise holds only with them. */
function loadServices(): Record<'RuntimeService' | 'ImageService', ServiceClientConstructor> {
  const proto = fileURLToPath(new URL('../../proto/runtime/v1/api.proto', import.meta.url));
  const definition = loadSync(proto, { longs: String, enums: String, defaults: true, oneofs: true });
  const loaded = loadPackageDefinition(definition) as unknown as {
    runtime: { v1: Record<'RuntimeService' | 'ImageService', ServiceClientConstructor> };
  };
  return loaded.runtime.v1;
}

function callerOf<Service>(client: Client, service: ServiceClientConstructor): Caller<Service> {
  return (method, request, timeoutMs = patienceMs, signal = undefined) =>
    new Promise((resolve, reject) => {
      const definition = service.service[method];
      if (definition === undefined) throw new Error(`the proto file has no RPC ${method}`);
      const call = client.makeUnaryRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        request,
        { deadline: Date.now() + timeoutMs },
        (error, response) => (error === null ? resolve(response) : reject(error)),
      );
      signal?.addEventListener('abort', () => call.cancel(), { once: true });
    });
}

function readerOf<Service>(client: Client, service: ServiceClientConstructor): Reader<Service> {
  return (method, request) =>
    new Promise((resolve, reject) => {
      const definition = service.service[method];
      if (definition === undefined) throw new Error(`the proto file has no RPC ${method}`);
      const { path, requestSerialize, responseDeserialize } = definition;
      const options = { deadline: Date.now() + patienceMs };
      const call = client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        options,
      );
      const messages: ResponseOf<Service[typeof method]>[] = [];
      call.on('data', (message) => messages.push(message));
      call.on('end', () => resolve(messages));
      call.on('error', reject);
    });
}

/** Opens a client; it connects at its first call and must be closed. */
export function connect(socketPath: string): CriClient {
  const { RuntimeService, ImageService } = loadServices();
  const options = { 'grpc.max_receive_message_length': maxMessageBytes };
  const open = (service: ServiceClientConstructor) =>
    new service(`unix:${socketPath}`, credentials.createInsecure(), options);
  const [runtime, image] = [open(RuntimeService), open(ImageService)];
  return {
    runtime: callerOf<RuntimeServiceDefinition>(runtime, RuntimeService),
    image: callerOf<ImageServiceDefinition>(image, ImageService),
    readRuntime: readerOf<RuntimeServiceDefinition>(runtime, RuntimeService),
    readImage: readerOf<ImageServiceDefinition>(image, ImageService),
    close: () => {
      runtime.close();
      image.close();
    },
  };
}
