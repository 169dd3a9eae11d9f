// Dials inside network namespaces without a process for it: a thread makes the socket there, Node connects it here.

import { setMaxListeners } from 'node:events';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { errnoCode } from '../errors/errno.ts';
import type { AddressFamily } from '../sys/thread-network.ts';
import type { LoopbackDialer } from './loopback-dialer.ts';
import { SocketThread } from './socket-thread.ts';

const loopback: Readonly<Record<AddressFamily, string>> = { IPv4: '127.0.0.1', IPv6: '::1' };

/** What says that a namespace or a kernel has no such address, rather than that nobody listens there. */
const absentAddress: readonly string[] = ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'ENETUNREACH', 'EHOSTUNREACH'];

export class NamespaceDialer implements LoopbackDialer {
  readonly #thread = new SocketThread();

  async dial(namespacePath: string | undefined, port: number, signal: AbortSignal): Promise<Socket> {
    setMaxListeners(0, signal); // one client may wait for hundreds
    try {
      return await this.#dialFamily(namespacePath, 'IPv4', port, signal);
    } catch (first) {
      signal.throwIfAborted();
      try {
        return await this.#dialFamily(namespacePath, 'IPv6', port, signal);
      } catch (second) {
        signal.throwIfAborted();
        throw absentAddress.includes(errnoCode(second) ?? '') ? first : second;
      }
    }
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  async #dialFamily(
    namespacePath: string | undefined,
    family: AddressFamily,
    port: number,
    signal: AbortSignal,
  ): Promise<Socket> {
    if (namespacePath === undefined) {
      signal.throwIfAborted();
      return connected(new Socket({ allowHalfOpen: true }), loopback[family], port, signal);
    }
    const fd = await this.#thread.open(namespacePath, family);
    if (signal.aborted) {
      closeSync(fd);
      throw signal.reason;
    }
    return connected(new Socket({ fd, allowHalfOpen: true }), loopback[family], port, signal);
  }
}

/**
 * Connects; on failure the socket is closed. A socket that was made of a descriptor is read from the start, so this must be
 * called in the same turn: until the loop polls, the connection has begun.
 */
function connected(socket: Socket, host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => void socket.destroy(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort);
      socket.removeListener('error', onError);
    };
    const onError = (cause: Error): void => {
      settle();
      reject(cause);
    };
    socket.on('error', onError);
    socket.connect({ host, port, noDelay: true }, () => {
      settle();
      resolve(socket);
    });
  });
}
