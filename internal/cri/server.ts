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
import { RunningCalls } from './running-calls.ts';
import { runtimeService } from './runtime-service.ts';

export interface CriServerSettings {
  readonly maxSendBytes: number;
  readonly maxReceiveBytes: number;
}

export interface CriServer {
  /**
   * Unbinds the socket, lets running calls end for a while, closes every connection, and waits for what the cut calls still
   * do. False when they still do it: then nothing may be closed that they work with, but the process may end.
   */
  stop(): Promise<boolean>;
}

/** Calls that run at a stop get this time to end. */
const drainTimeoutMs = 5000;
/** Calls that were cut get this time to undo what they have begun; after it the next start does. */
const settleTimeoutMs = 5000;

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
  const running = new RunningCalls();
  grpc.addService(RuntimeService.service, runtimeService(parts, running));
  grpc.addService(ImageService.service, imageService(parts, running));
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
      // Not the injector's drain() as well: a session that is being closed already counts as ended for tryShutdown().
      const drained = new Promise<void>((resolve) => grpc.tryShutdown(() => resolve()));
      await endsWithin(drained, drainTimeoutMs);
      grpc.forceShutdown();
      injector.destroy();
      for (const connection of connections) connection.destroy();
      const { sandboxes, containers } = parts;
      // What was begun for a caller goes on without it.
      const flights = [sandboxes.creations.idle(), sandboxes.stops.idle(), containers.creations.idle()];
      return endsWithin(Promise.all([running.idle(), ...flights]), settleTimeoutMs);
    },
  };
}

async function endsWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(timeoutMs, false, { signal: timer.signal }).catch(() => false);
  const isEnded = await Promise.race([work.then(() => true), late]);
  timer.abort();
  return isEnded;
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
