// Seccomp profiles that are files of the node.

import { readFile } from 'node:fs/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';
import type { ContainerSecurity } from './container-config.ts';

/** The kubelet's seccomp profiles are a few KiB. */
const maxProfileBytes = 1024 * 1024;

/** The parsed JSON of a seccomp profile; `invalid-argument` naming the file when it cannot be used. */
export async function readSeccompProfile(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const why = errnoCode(cause) ?? 'unknown error';
    throw new DaemonError('invalid-argument', `seccomp profile "${path}" cannot be read (${why})`, cause);
  }
  if (text.length > maxProfileBytes) {
    throw new DaemonError('invalid-argument', `seccomp profile "${path}" is larger than 1 MiB`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DaemonError('invalid-argument', `seccomp profile "${path}" is not valid JSON`, cause);
  }
}

/** The profile that an unprivileged container asks for by its file; undefined where it asks for none. */
export async function localhostSeccomp(security: ContainerSecurity): Promise<unknown> {
  const { seccomp, privileged } = security;
  if (privileged || seccomp?.type !== 'localhost') return undefined;
  return readSeccompProfile(seccomp.localhostRef);
}

/** The profile of privileged containers. As in CRI-O, its file is read for each of them: what it says now counts. */
export class PrivilegedSeccomp {
  #path: string;

  /** An empty path: privileged containers have no filter. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Takes another file from now on. */
  follow(path: string): void {
    this.#path = path;
  }

  /**
   * The parsed JSON; undefined for no filter. A file that cannot be used is `failed-precondition`: a container without
   * the filter would be one that the administrator does not allow.
   */
  async read(): Promise<unknown> {
    if (this.#path === '') return undefined;
    try {
      return await readSeccompProfile(this.#path);
    } catch (cause) {
      if (!(cause instanceof DaemonError)) throw cause;
      const text = `no privileged container can be created: ${cause.message}; see the option privileged_seccomp_profile`;
      throw new DaemonError('failed-precondition', text, cause);
    }
  }
}
