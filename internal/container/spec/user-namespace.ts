import { DaemonError } from '../../errors/daemon-error.ts';
import type { IdMapSpec, LinuxSpec, RuntimeSpec, UserSpec } from '../../oci/runtime-spec.ts';
import { equalIdMaps, type IdMap, type IdPiece, insideId, outsideId, piecesOf } from '../../sys/id-maps.ts';
import type { ContainerSecurity } from '../container-config.ts';
import type { PodUserNamespace } from './spec-input.ts';

type UserIds = Pick<UserSpec, 'uid' | 'gid' | 'additionalGids'>;

/** The mappings of the namespace that the spec joins; runtimes want to know them besides the path. */
export function idMappings(
  userNamespace: PodUserNamespace | undefined,
): Pick<LinuxSpec, 'uidMappings' | 'gidMappings'> {
  if (userNamespace === undefined) return {};
  const { uids, gids } = userNamespace.idMaps;
  return { uidMappings: piecesOf(uids).map(toSpec), gidMappings: piecesOf(gids).map(toSpec) };
}

/**
 * Refuses a container that cannot live in its pod's user namespace: one of another namespace, or one that wants a namespace of
 * the host, in which the container's root would be nobody.
 */
export function checkUserNamespace(
  security: Pick<ContainerSecurity, 'idMaps' | 'pidMode' | 'ipcMode' | 'networkMode'>,
  userNamespace: PodUserNamespace | undefined,
): void {
  const { idMaps } = security;
  if (idMaps !== undefined && (userNamespace === undefined || !equalIdMaps(idMaps, userNamespace.idMaps)))
    throw invalid('the container asks for another user namespace than its sandbox has');
  if (userNamespace === undefined) return;
  const modes = { pid: security.pidMode, ipc: security.ipcMode, network: security.networkMode };
  for (const [name, mode] of Object.entries(modes)) {
    if (mode === 'node')
      throw invalid(`a container of a pod with a user namespace cannot use the host's ${name} namespace`);
  }
}

/** The user inside, where the request may name one of the host's: CRI-O's rule for namespaces that an annotation asks for. */
export function userInside<T extends UserIds>(userNamespace: PodUserNamespace | undefined, user: T): T {
  if (userNamespace?.takesHostIds !== true) return user;
  const { uids, gids } = userNamespace.idMaps;
  const groupOf = (gid: number): number => insideId(gids, gid) ?? gid;
  return {
    ...user,
    uid: insideId(uids, user.uid) ?? user.uid,
    gid: groupOf(user.gid),
    additionalGids: user.additionalGids.map(groupOf),
  };
}

/** The host's ids of a container's process; `invalid-argument` for one that the pod's user namespace does not map. */
export function hostUser(
  userNamespace: PodUserNamespace | undefined,
  user: UserSpec,
): { readonly uid: number; readonly gid: number } {
  if (userNamespace === undefined) return { uid: user.uid, gid: user.gid };
  const { uids, gids } = userNamespace.idMaps;
  for (const gid of user.additionalGids) mapped(gids, gid, 'group');
  return { uid: mapped(uids, user.uid, 'user'), gid: mapped(gids, user.gid, 'group') };
}

/** The same by the spec that the container was made with. */
export function ownerByMappings({ process, linux }: Pick<RuntimeSpec, 'process' | 'linux'>): {
  readonly uid: number;
  readonly gid: number;
} {
  const { uid, gid } = process.user;
  return { uid: outsideOf(linux.uidMappings, uid), gid: outsideOf(linux.gidMappings, gid) };
}

function outsideOf(mappings: readonly IdMapSpec[] | undefined, id: number): number {
  const pieces = (mappings ?? []).map(({ containerID, hostID, size }) => ({
    inside: containerID,
    outside: hostID,
    length: size,
  }));
  const [first, ...more] = pieces;
  return first === undefined ? id : (outsideId({ ...first, more }, id) ?? id);
}

function mapped(map: IdMap, id: number, what: 'user' | 'group'): number {
  const outside = outsideId(map, id);
  if (outside !== undefined) return outside;
  const count = piecesOf(map).reduce((sum, { length }) => sum + length, 0);
  throw invalid(`${what} id ${id} is not among the ${count} ids of the pod's user namespace`);
}

function toSpec({ inside, outside, length }: IdPiece): IdMapSpec {
  return { containerID: inside, hostID: outside, size: length };
}

function invalid(message: string): DaemonError {
  return new DaemonError('invalid-argument', message);
}
