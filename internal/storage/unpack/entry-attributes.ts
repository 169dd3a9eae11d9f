// What an entry of a layer is like apart from its content: times and extended attributes.

import { errnoCode } from '../../errors/errno.ts';
import { type FileTimes, setXattr } from '../../sys/nodes.ts';
import type { TarEntry } from './tar-reader.ts';

/** Attributes that are the host's business: its labels, its integrity marks, its overlay's own notes. */
const foreignXattrs = ['security.selinux', 'security.ima', 'security.evm'];
const foreignXattrPrefixes = ['trusted.overlay.', 'user.overlay.', 'system.'];
const accessLists = ['system.posix_acl_access', 'system.posix_acl_default'];

/** The access time is never before the modification: some readers take it for the newer of the two. */
export function timesOf({ accessedAtNanos, modifiedAtNanos }: TarEntry): FileTimes {
  const isBefore = accessedAtNanos < modifiedAtNanos;
  return { modifiedAtNanos, accessedAtNanos: isBefore ? modifiedAtNanos : accessedAtNanos };
}

/** After the owner: a change of owner drops file capabilities. */
export function setXattrs(entry: TarEntry, path: Buffer): void {
  for (const [name, value] of entry.xattrs) {
    if (isForeign(name)) continue;
    try {
      setXattr(path, name, value);
    } catch (cause) {
      if (errnoCode(cause) !== 'EOPNOTSUPP' && errnoCode(cause) !== 'ENOTSUP') throw cause;
    }
  }
}

function isForeign(xattr: string): boolean {
  if (accessLists.includes(xattr)) return false;
  return foreignXattrs.includes(xattr) || foreignXattrPrefixes.some((prefix) => xattr.startsWith(prefix));
}
