// User namespaces in the CRI: `userns_options` of a pod, and the mappings of a mount.

import { DaemonError } from '../../errors/daemon-error.ts';
import type { IdMap, IdMaps } from '../../sys/id-maps.ts';
import type { IDMapping, IDMapping__Output } from '../gen/runtime/v1/IDMapping.ts';
import type { Mount } from '../gen/runtime/v1/Mount.ts';
import type { UserNamespace, UserNamespace__Output } from '../gen/runtime/v1/UserNamespace.ts';
import { fromEnum } from './fields.ts';

/** POD is a namespace of the pod, NODE the host's; the API has no other for user namespaces. */
const modes = { POD: 'pod', NODE: 'node' } as const;

/** The last id is the kernel's "no id" (user_namespaces(7)). */
const endOfIds = 2 ** 32 - 1;

/** Absent for the host's ids. */
interface WithIdMaps {
  readonly idMaps?: IdMaps;
}

/** The ids of a pod's own user namespace; none for the host's, which is also what a request without options means. */
export function userNamespace(message: UserNamespace__Output | null | undefined, field: string): WithIdMaps {
  if (message === null || message === undefined) return {};
  const mode = fromEnum<'pod' | 'node'>(modes, message.mode, `${field}.mode`);
  const { uids, gids } = message;
  if (mode === 'pod')
    return { idMaps: { uids: onlyMap(uids, `${field}.uids`), gids: onlyMap(gids, `${field}.gids`) } };
  if (uids.length === 0 && gids.length === 0) return {};
  throw invalid(`${field} has mappings, but its mode is NODE`);
}

/** The reverse of `userNamespace`. */
export function userNamespaceToMessage(maps: IdMaps | undefined): UserNamespace {
  if (maps === undefined) return { mode: 'NODE' };
  return { mode: 'POD', uids: [toMessage(maps.uids)], gids: [toMessage(maps.gids)] };
}

/** Of a mount. */
export function mountIdMaps(
  uids: readonly IDMapping__Output[],
  gids: readonly IDMapping__Output[],
  field: string,
): WithIdMaps {
  if (uids.length === 0 && gids.length === 0) return {};
  return {
    idMaps: {
      uids: onlyMap(uids, `${field}.uid_mappings`),
      gids: onlyMap(gids, `${field}.gid_mappings`),
    },
  };
}

/** The two fields of a mount. */
export function mountIdMapsToMessage(maps: IdMaps | undefined): Pick<Mount, 'uidMappings' | 'gidMappings'> {
  if (maps === undefined) return {};
  return { uidMappings: [toMessage(maps.uids)], gidMappings: [toMessage(maps.gids)] };
}

/** The kubelet sends exactly one mapping, from the container's root on. */
function onlyMap(messages: readonly IDMapping__Output[], field: string): IdMap {
  const [message] = messages;
  if (message === undefined || messages.length !== 1)
    throw invalid(`${field} has ${messages.length} mappings, it has to be one`);
  const { containerId: inside, hostId: outside, length } = message;
  if (inside !== 0) throw invalid(`${field} begins at id ${inside}, it has to map the container's id 0`);
  if (outside === 0) throw invalid(`${field} maps root to the host's root`);
  if (length === 0) throw invalid(`${field} maps no id`);
  if (outside + length > endOfIds)
    throw invalid(`${field} maps ${length} ids from ${outside} on, which leaves the range of ids`);
  return { inside, outside, length };
}

function toMessage({ inside, outside, length }: IdMap): IDMapping {
  return { containerId: inside, hostId: outside, length };
}

function invalid(message: string): DaemonError {
  return new DaemonError('invalid-argument', message);
}
