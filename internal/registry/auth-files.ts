// The node's auth files, read at each pull, so that a rotated secret is used at once.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import type { Environment } from './proxy-settings.ts';

export interface AuthFile {
  readonly path: string;
  /** A `.dockercfg`: what is below `auths` in later files is the whole document. */
  readonly isLegacy: boolean;
}

const maxFileBytes = 4 * 1024 * 1024;

/** Where containers/image looks, in its order; a global auth file from the configuration replaces them all. */
export function authFilesOf(globalAuthFile: string, env: Environment, home: string): AuthFile[] {
  if (globalAuthFile !== '') return [{ path: globalAuthFile, isLegacy: false }];
  const runtimeDir = env['XDG_RUNTIME_DIR'];
  const paths = [
    env['REGISTRY_AUTH_FILE'] ?? '',
    runtimeDir ? join(runtimeDir, 'containers/auth.json') : '/run/containers/0/auth.json',
    join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'containers/auth.json'),
    join(env['DOCKER_CONFIG'] || join(home, '.docker'), 'config.json'),
  ];
  const files = paths.filter((path) => path !== '').map((path) => ({ path, isLegacy: false }));
  return [...files, { path: join(home, '.dockercfg'), isLegacy: true }];
}

/** The document of an auth file; undefined when there is no file. Errors name the file and nothing of its content. */
export async function readAuthFile({ path, isLegacy }: AuthFile): Promise<unknown> {
  const text = await readBounded(path);
  if (text === undefined || text.trim() === '') return undefined;
  try {
    const document: unknown = JSON.parse(text);
    return isLegacy ? { auths: document } : document;
  } catch {
    // The parser's message quotes the text, and that is where the passwords are: no cause here.
    throw new DaemonError('failed-precondition', `auth file ${path} is not valid JSON`);
  }
}

async function readBounded(path: string): Promise<string | undefined> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size > maxFileBytes) throw new Error(`it has more than ${maxFileBytes} bytes`);
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (isENOENT(cause)) return undefined;
    throw new DaemonError('failed-precondition', `auth file ${path} cannot be read`, cause);
  }
}
