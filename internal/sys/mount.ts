// mount(2), umount2(2) and the file-descriptor based mount calls.

import { constants } from 'node:os';
import { callOffLoop, checked, cPath, libc, SystemCallError } from './libc.ts';

const mountCall = libc.func(
  'int mount(const void *source, const void *target, const void *type, unsigned long flags, const void *data)',
);
const umountCall = libc.func('int umount2(const void *target, int flags)');
const fsopenCall = libc.func('syscall', 'long', ['long', 'const void *', 'uint32_t']);
const fsconfigCall = libc.func('syscall', 'long', [
  'long',
  'int',
  'uint32_t',
  'const void *',
  'const void *',
  'int',
]);
const fsmountCall = libc.func('syscall', 'long', ['long', 'int', 'uint32_t', 'uint32_t']);
const moveMountCall = libc.func('syscall', 'long', [
  'long',
  'int',
  'const void *',
  'int',
  'const void *',
  'uint32_t',
]);
const closeCall = libc.func('int close(int fd)');

/** Flags of mount(2), from the kernel's uapi/linux/mount.h. */
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;

/** Flags of umount2(2). */
export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;

// The numbers of the newer calls are the same on every architecture.
const SYS_move_mount = 429;
const SYS_fsopen = 430;
const SYS_fsconfig = 431;
const SYS_fsmount = 432;
const FSOPEN_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const FSMOUNT_CLOEXEC = 1;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const AT_FDCWD = -100;

export interface MountRequest {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly flags: number;
  /** The file system's own options; the kernel takes at most a page. */
  readonly data: string;
}

/** Mounts, on a thread of the pool. */
export async function mount(request: MountRequest): Promise<void> {
  await callOffLoop(mountCall, mountArguments(request), 'mount', request.target);
}

/** Mounts in the calling thread, whose working directory counts for relative paths in the options. */
export function mountHere(request: MountRequest): void {
  checked(mountCall(...mountArguments(request)), 'mount', request.target);
}

function mountArguments({ source, target, type, flags, data }: MountRequest): unknown[] {
  return [cPath(source), cPath(target), cPath(type), flags, cPath(data)];
}

/** Unmounts, on a thread of the pool; rejects with EINVAL when nothing is mounted there. */
export async function unmount(target: string, flags: number): Promise<void> {
  await callOffLoop(umountCall, [cPath(target), flags], 'umount2', target);
}

export interface FsMountRequest {
  readonly type: string;
  readonly target: string;
  /** In order; a value of undefined is a flag. Each value has its own limit of 255 bytes or so, not the sum. */
  readonly options: readonly (readonly [key: string, value: string | undefined])[];
  /** MOUNT_ATTR_… */
  readonly attributes: number;
}

/** Mounts through fsopen(2), for options that do not fit into mount(2)'s page. ENOSYS before Linux 5.2. */
export async function fsMount(request: FsMountRequest): Promise<void> {
  const { type, target, options, attributes } = request;
  const context = checked(fsopenCall(SYS_fsopen, cPath(type), FSOPEN_CLOEXEC), 'fsopen', type);
  try {
    for (const [key, value] of options) {
      const command = value === undefined ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
      const data = value === undefined ? null : cPath(value);
      checked(fsconfigCall(SYS_fsconfig, context, command, cPath(key), data, 0), 'fsconfig', key);
    }
    const create = [SYS_fsconfig, context, FSCONFIG_CMD_CREATE, null, null, 0];
    await callOffLoop(fsconfigCall, create, 'fsconfig', `create ${type}`);
    const tree = checked(fsmountCall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes), 'fsmount', type);
    try {
      await attachMount(tree, target);
    } finally {
      closeCall(tree);
    }
  } finally {
    closeCall(context);
  }
}

/** Puts a detached mount, by its descriptor, at `target`. */
export async function attachMount(tree: number, target: string): Promise<void> {
  const move = [SYS_move_mount, tree, cPath(''), AT_FDCWD, cPath(target), MOVE_MOUNT_F_EMPTY_PATH];
  await callOffLoop(moveMountCall, move, 'move_mount', target);
}

/** Closes what one of these calls has opened. */
export function closeDescriptor(fd: number): void {
  closeCall(fd);
}

/** True for the errors of a kernel that does not have the newer mount calls or an option of theirs. */
export function isUnsupportedMount(error: unknown): boolean {
  const { ENOSYS, EINVAL, EOPNOTSUPP } = constants.errno;
  return error instanceof SystemCallError && [ENOSYS, EINVAL, EOPNOTSUPP].includes(error.errno);
}
