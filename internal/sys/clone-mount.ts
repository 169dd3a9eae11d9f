// Clones of mounts with attributes of their own: mapped ids, or read-only down to the last mount below.

import { closeSync, constants, openSync } from 'node:fs';
import { callOffLoop, checked, cPath, libc } from './libc.ts';
import { attachMount, closeDescriptor } from './mount.ts';

const openTreeCall = libc.func('syscall', 'long', ['long', 'int', 'const void *', 'uint32_t']);
const setAttributesCall = libc.func('syscall', 'long', [
  'long',
  'int',
  'const void *',
  'uint32_t',
  'const void *',
  'size_t',
]);

// Numbers of the calls on every architecture, and their flags: uapi/linux/mount.h and fcntl.h.
const SYS_open_tree = 428;
const SYS_mount_setattr = 442;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0x80000;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const MOUNT_ATTR_RDONLY = 1n;
const MOUNT_ATTR_IDMAP = 0x100000n;

export interface CloneRequest {
  /** An absolute path without a link at its end; what is mounted below it comes along. */
  readonly source: string;
  /** An existing path of the same kind, directory or file. */
  readonly target: string;
  /** Files of the host's root appear as the root's of this user namespace (a path below /proc or a pin); the topmost mount only. */
  readonly userNamespacePath?: string | undefined;
  /** Every mount of the clone, or only the topmost one; undefined leaves them as they are. */
  readonly readOnly?: 'all' | 'top' | undefined;
  /** False: without the mounts below the source. */
  readonly recursive: boolean;
}

/**
 * Mounts a clone of `source` at `target`. EINVAL for mapped ids: the file system knows no idmapped mounts, or it is one
 * already. ENOSYS before Linux 5.12.
 */
export async function cloneMount(request: CloneRequest): Promise<void> {
  const { source, target, userNamespacePath, readOnly, recursive } = request;
  const below = recursive ? AT_RECURSIVE : 0;
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW | below;
  const tree = await callOffLoop(
    openTreeCall,
    [SYS_open_tree, AT_FDCWD, cPath(source), flags],
    'open_tree',
    source,
  );
  try {
    if (readOnly !== undefined)
      setAttributes(tree, { set: MOUNT_ATTR_RDONLY, flags: readOnly === 'all' ? AT_RECURSIVE : 0 }, source);
    if (userNamespacePath !== undefined) mapIds(tree, userNamespacePath, source);
    await attachMount(tree, target);
  } finally {
    closeDescriptor(tree);
  }
}

function mapIds(tree: number, userNamespacePath: string, source: string): void {
  const userNamespace = openSync(userNamespacePath, constants.O_RDONLY);
  try {
    setAttributes(tree, { set: MOUNT_ATTR_IDMAP, flags: 0, userNamespace }, source);
  } finally {
    closeSync(userNamespace);
  }
}

function setAttributes(
  tree: number,
  change: { readonly set: bigint; readonly flags: number; readonly userNamespace?: number },
  subject: string,
): void {
  // struct mount_attr: attr_set, attr_clr, propagation, userns_fd
  const attributes = new BigUint64Array([change.set, 0n, 0n, BigInt(change.userNamespace ?? 0)]);
  const flags = AT_EMPTY_PATH | change.flags;
  checked(
    setAttributesCall(
      SYS_mount_setattr,
      tree,
      cPath(''),
      flags,
      Buffer.from(attributes.buffer),
      attributes.byteLength,
    ),
    'mount_setattr',
    subject,
  );
}
