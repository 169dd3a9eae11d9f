// The CRI socket: one unix socket, bound early so that a second daemon is noticed before it touches anything.

import { chmod, lstat, unlink } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { listen } from '../async/listen.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode, isENOENT } from '../errors/errno.ts';
import { ensureDirectory } from '../fs/directories.ts';
import type { Logger } from '../log/logger.ts';

/** Readable and writable by root and its group, as CRI-O's. */
const socketMode = 0o660;
const probeTimeoutMs = 2000;

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
  await removeStaleSocket(path);
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

async function removeStaleSocket(path: string): Promise<void> {
  if (await isAlive(path)) {
    const text = `another daemon answers on "${path}"; stop it first, or set listen in [crio.api] to another path`;
    throw new DaemonError('failed-precondition', text);
  }
  try {
    if (!(await lstat(path)).isSocket()) {
      const text = `cannot listen on "${path}": there is a file that is no socket; remove it, or set listen in [crio.api] to another path`;
      throw new DaemonError('failed-precondition', text);
    }
    await unlink(path);
  } catch (cause) {
    if (!isENOENT(cause)) throw cause;
  }
}

/** What connect(2) says of a path that somebody is bound to: its queue is full, or it is a socket of datagrams. */
const busy: readonly unknown[] = ['EAGAIN', 'EPROTOTYPE'];
const nobodyThere: readonly unknown[] = ['ECONNREFUSED', 'ENOENT'];

async function isAlive(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    return await new Promise<boolean>((resolve, reject) => {
      socket.setTimeout(probeTimeoutMs, () => resolve(true)); // bound but too busy to accept: alive
      socket.once('connect', () => resolve(true));
      socket.once('error', (cause) => {
        const code = errnoCode(cause);
        if (busy.includes(code)) resolve(true);
        else if (nobodyThere.includes(code)) resolve(false);
        else reject(new DaemonError('unavailable', `cannot see who listens on "${path}" (${code})`, cause));
      });
    });
  } finally {
    socket.destroy();
  }
}
