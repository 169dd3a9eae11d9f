// Which ids of the host belong to user namespaces of the store's containers. Whoever chooses some for a new one, as podman
// does for `--userns=auto`, looks at the lists of containers under a lock of the store.

import { DaemonError } from '../errors/daemon-error.ts';
import type { IdRange, IdRanges } from '../sys/id-maps.ts';
import type { StoreState } from './store-state.ts';
import type { UnlistedContainers } from './unlisted-containers.ts';

/** A tool whose kernel maps no ids on mounts copies an image under the lock; the kubelet asks again. */
const patienceMs = 60_000;

/** `unavailable` while another tool keeps the lock. */
export async function idsInUse(store: StoreState, unlisted: UnlistedContainers): Promise<IdRanges> {
  const { containers, userNamespaces } = store;
  const held = await userNamespaces.holdWithin('read', patienceMs, async () => {
    await containers.refresh();
    return [...containers.all(), ...unlisted.all()];
  });
  if (held === undefined) {
    const text = `another tool chooses ids for a user namespace and does not let go of "${userNamespaces.path}"`;
    throw new DaemonError('unavailable', text);
  }
  return {
    uids: held.value.flatMap(({ uidmap }) => rangesOf(uidmap)),
    gids: held.value.flatMap(({ gidmap }) => rangesOf(gidmap)),
  };
}

function rangesOf(maps: readonly unknown[] | null | undefined): IdRange[] {
  return (maps ?? []).flatMap((map) => {
    const { host_id: first, size: length } = map as { readonly host_id?: unknown; readonly size?: unknown };
    return typeof first === 'number' && typeof length === 'number' ? [{ first, length }] : [];
  });
}
