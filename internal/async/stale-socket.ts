// The path of a unix socket that is to be bound.

import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode, isENOENT } from '../errors/errno.ts';

const probeTimeoutMs = 2000;
/** What connect(2) says of a path that somebody is bound to: its queue is full, or it is a socket of datagrams. */
const busy: readonly unknown[] = ['EAGAIN', 'EPROTOTYPE'];
const nobodyThere: readonly unknown[] = ['ECONNREFUSED', 'ENOENT'];

/**
 * Makes room for a socket at `path`: one that nobody listens on is deleted. `failed-precondition` when somebody does, or what
 * is there is no socket: a path that was mistaken costs no file. `option` says where the path can be changed.
 */
export async function removeStaleSocket(path: string, option: string): Promise<void> {
  if (await isAlive(path)) {
    const text = `another daemon answers on "${path}"; stop it first, or set ${option} to another path`;
    throw new DaemonError('failed-precondition', text);
  }
  try {
    if (!(await lstat(path)).isSocket()) {
      const text = `cannot listen on "${path}": there is a file that is no socket; remove it, or set ${option} to another path`;
      throw new DaemonError('failed-precondition', text);
    }
    await unlink(path);
  } catch (cause) {
    if (!isENOENT(cause)) throw cause;
  }
}

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
