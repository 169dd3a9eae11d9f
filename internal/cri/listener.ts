// The CRI socket: one unix socket, bound early so that a second daemon is noticed before it touches anything.

import { chmod } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { listen } from '../async/listen.ts';
import { removeStaleSocket } from '../async/stale-socket.ts';
import { ensureDirectory } from '../fs/directories.ts';
import type { Logger } from '../log/logger.ts';

/** Readable and writable by root and its group, as CRI-O's. */
const socketMode = 0o660;

/** A bound socket. Connections wait in it until somebody serves them. */
export interface CriSocket {
  readonly path: string;
  /** Gives every connection, those that waited first, to `accept`. */
  serve(accept: (socket: Socket) => void): void;
  /** Takes no connection any more and removes the file; connections that are open stay. */
  close(): void;
}

/**
 * Binds `path`. A socket that nobody listens on is replaced; `failed-precondition` when another daemon lives there, or what
 * is there is no socket: a path that was mistaken costs no file.
 */
export async function bindCriSocket(path: string, logger: Logger): Promise<CriSocket> {
  await ensureDirectory(dirname(path), 0o755);
  await removeStaleSocket(path, 'listen in [crio.api]');
  const waiting: Socket[] = [];
  let accept = (socket: Socket): void => void waiting.push(socket.pause());
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy()); // a client that went away
    accept(socket);
  });
  const refusal = (why: string): string =>
    `cannot listen on "${path}" (${why}); set listen in [crio.api] to a path where a socket can be`;
  await listen(server, { path }, refusal, logger);
  await chmod(path, socketMode);
  return {
    path,
    serve(serveOne) {
      accept = serveOne;
      for (const socket of waiting.splice(0)) serveOne(socket);
    },
    close() {
      server.close();
      for (const socket of waiting.splice(0)) socket.destroy();
    },
  };
}
