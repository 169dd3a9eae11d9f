// Taking mounts away, idempotently.

import { constants } from 'node:os';
import { SystemCallError } from '../sys/libc.ts';
import { MNT_DETACH, UMOUNT_NOFOLLOW, unmount } from '../sys/mount.ts';

/** Unmounts `target` lazily, every mount that is stacked there. Not mounted, or no such path, is success. */
export async function detachMount(target: string): Promise<void> {
  for (;;) {
    try {
      await unmount(target, MNT_DETACH | UMOUNT_NOFOLLOW);
    } catch (cause) {
      const { EINVAL, ENOENT } = constants.errno;
      if (cause instanceof SystemCallError && [EINVAL, ENOENT].includes(cause.errno)) return;
      throw cause;
    }
  }
}
