// The network namespace of one worker thread. The rest of the process is not touched.

import { closeSync, constants, openSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { checked, libc } from './libc.ts';

const setnsCall = libc.func('int setns(int fd, int type)');
const socketCall = libc.func('int socket(int domain, int type, int protocol)');

const CLONE_NEWNET = 0x40000000;
const SOCK_STREAM = 1;
// The numbers of most architectures; on mips and sparc they are others.
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/** An address family, by the number that Linux has for it on every architecture. */
const addressFamilies = { IPv4: 2, IPv6: 10 } as const;
export type AddressFamily = keyof typeof addressFamilies;

/**
 * Makes sockets in any network namespace. A socket belongs to the namespace in which it was made, whoever uses it
 * later; so the thread is there for that one call only, and holds no namespace that somebody wants to see gone.
 */
export class ThreadNetwork {
  readonly #own: number;
  #isLost = false;

  constructor() {
    if (isMainThread) throw new Error('the main thread cannot leave its network namespace');
    this.#own = openSync('/proc/thread-self/ns/net', constants.O_RDONLY);
  }

  /** True when the thread could not come back to its own namespace: it must end then. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** A TCP socket, not connected yet, in the namespace that is pinned at `path`; the caller closes the descriptor. */
  openSocket(path: string, family: AddressFamily): number {
    const target = openSync(path, constants.O_RDONLY);
    try {
      checked(setnsCall(target, CLONE_NEWNET), 'setns', path);
    } finally {
      closeSync(target);
    }
    try {
      const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
      return checked(socketCall(addressFamilies[family], type, 0), 'socket', family);
    } finally {
      this.#isLost = setnsCall(this.#own, CLONE_NEWNET) !== 0;
    }
  }
}
