// Seccomp profiles that are files of the node.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';
import type { ContainerSecurity } from './container-config.ts';

/** The kubelet's seccomp profiles are a few KiB. */
const maxProfileBytes = 1024 * 1024;

/** The parsed JSON of a seccomp profile; `invalid-argument` naming the file when it cannot be used. */
export async function readSeccompProfile(path: string): Promise<unknown> {
  const text = await profileText(path);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DaemonError('invalid-argument', `seccomp profile "${path}" is not valid JSON`, cause);
  }
}

async function profileText(path: string): Promise<string> {
  try {
    // Without waiting: the reader of a pipe that nobody writes to holds a thread for ever.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      const found = await file.stat();
      if (!found.isFile()) throw new DaemonError('invalid-argument', `seccomp profile "${path}" is no file`);
      if (found.size > maxProfileBytes)
        throw new DaemonError('invalid-argument', `seccomp profile "${path}" is larger than 1 MiB`);
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof DaemonError) throw cause;
    const why = errnoCode(cause) ?? 'unknown error';
    throw new DaemonError('invalid-argument', `seccomp profile "${path}" cannot be read (${why})`, cause);
  }
}

/** The profile that an unprivileged container asks for by its file; undefined where it asks for none. */
export async function localhostSeccomp(security: ContainerSecurity): Promise<unknown> {
  const { seccomp, privileged } = security;
  if (privileged || seccomp?.type !== 'localhost') return undefined;
  const path = seccomp.localhostRef;
  if (!isAbsolute(path))
    throw new DaemonError('invalid-argument', `seccomp profile "${path}" is not an absolute path`);
  return readSeccompProfile(path);
}

/** What RuntimeDefault means where the runtime handler has no profile of its own. */
export class DefaultSeccomp {
  #profile: unknown;

  /** Parsed JSON; undefined for the built-in profile. */
  constructor(profile: unknown) {
    this.#profile = profile;
  }

  get profile(): unknown {
    return this.#profile;
  }

  /** Takes another profile from now on; what runs keeps its own. */
  follow(profile: unknown): void {
    this.#profile = profile;
  }
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
