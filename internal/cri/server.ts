// The gRPC server of the CRI on its unix socket.

import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { CriParts } from './cri-parts.ts';
import { imageService } from './image-service.ts';
import type { CriSocket } from './listener.ts';
import { runtimeService } from './runtime-service.ts';

export interface CriServerSettings {
  readonly maxSendBytes: number;
  readonly maxReceiveBytes: number;
}

export interface CriServer {
  /** Unbinds the socket, lets running calls end for a while, and closes every connection. */
  stop(): Promise<void>;
}

/** Calls that run at a stop get this time to end; what they began goes on or is undone at the next start. */
const drainTimeoutMs = 5000;

/**
 * Serves both services of the CRI on a bound socket. The daemon owns the listening socket, and hands connections over,
 * because other protocols will share it.
 */
export function startCriServer(parts: CriParts, socket: CriSocket, settings: CriServerSettings): CriServer {
  const grpc = new Server({
    'grpc.max_send_message_length': settings.maxSendBytes,
    'grpc.max_receive_message_length': settings.maxReceiveBytes,
  });
  const { RuntimeService, ImageService } = loadProto().runtime.v1;
  grpc.addService(RuntimeService.service, runtimeService(parts));
  grpc.addService(ImageService.service, imageService(parts));
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
  const connections = new Set<Socket>();
  socket.serve((connection) => {
    connections.add(connection);
    connection.once('close', () => connections.delete(connection));
    injector.injectConnection(connection);
  });
  return {
    async stop() {
      socket.close();
      injector.drain(drainTimeoutMs);
      const drained = new Promise<void>((resolve) => grpc.tryShutdown(() => resolve()));
      await Promise.race([drained, sleep(drainTimeoutMs, undefined, { ref: false })]);
      grpc.forceShutdown();
      injector.destroy();
      for (const connection of connections) connection.destroy();
    },
  };
}

interface RuntimePackage {
  readonly runtime: {
    readonly v1: {
      readonly RuntimeService: ServiceClientConstructor;
      readonly ImageService: ServiceClientConstructor;
    };
  };
}

/** Reads the proto file that lies beside the program, in the form that the generated types describe. */
function loadProto(): RuntimePackage {
  const file = fileURLToPath(new URL('../../proto/runtime/v1/api.proto', import.meta.url));
  // Strings for int64: a number would round nanoseconds.
  const definition = loadSync(file, { longs: String, enums: String, defaults: true, oneofs: true });
  return loadPackageDefinition(definition) as unknown as RuntimePackage;
}
