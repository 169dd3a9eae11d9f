// KUBENSMNT, by which OpenShift's kubens.service tells kubelet and container runtime the mount namespace that they share.
// A Node process cannot change its own, so whoever starts cria does it and takes the variable away: the `cria` of
// contrib/install.sh. Inside, the path tells nothing, since the kernel shows a mount namespace nowhere in itself.

import { stat } from 'node:fs/promises';
import type { Logger } from '../../internal/log/logger.ts';

/** Says that the daemon is not in the namespace that the path names: volumes that the kubelet mounts would be empty in pods. */
export async function warnOfOtherMounts(path: string | undefined, logger: Logger): Promise<void> {
  if (path === undefined || path === '') return;
  const problem = await differenceFrom(path);
  if (problem === undefined) return;
  const start = `env -u KUBENSMNT nsenter --mount=${path} cria`;
  logger.error({ KUBENSMNT: path, problem, start }, 'pods do not see the volumes that the kubelet mounts');
}

async function differenceFrom(path: string): Promise<string | undefined> {
  const own = await stat('/proc/self/ns/mnt');
  try {
    const named = await stat(path);
    const isSame = named.dev === own.dev && named.ino === own.ino;
    return isSame ? undefined : 'the daemon was not started in that mount namespace';
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}
