// A thread that makes sockets in network namespaces, one after the other, and hands their descriptors to the main
// thread: descriptors belong to the whole process.

import { parentPort } from 'node:worker_threads';
import { SystemCallError } from '../sys/libc.ts';
import { ThreadNetwork } from '../sys/thread-network.ts';
import type { SocketAnswer, SocketOrder } from './socket-thread.ts';

const network = new ThreadNetwork();

function answer({ id, namespacePath, family }: SocketOrder): SocketAnswer {
  try {
    return { id, fd: network.openSocket(namespacePath, family) };
  } catch (cause) {
    const { message, code } = cause as NodeJS.ErrnoException;
    return { id, error: { message, code: code ?? '' } };
  }
}

parentPort?.on('message', (order: SocketOrder) => {
  parentPort?.postMessage(answer(order));
  if (network.isLost) throw new SystemCallError('setns', 0, 'back to the own network namespace');
});
