// CRI-O's annotation for a user namespace whose ids the node chooses: `auto` or `auto:NAME=VALUE;NAME=VALUE`.

import { badFeature, type PodFeatures } from '../container/pod-features.ts';
import type { IdPiece } from '../sys/id-maps.ts';
import type { SandboxConfig } from './sandbox-config.ts';

/** CRI-O's default too. */
const usualSize = 65_536;
const largestSize = 2 ** 32 - 1;
const known = '"auto" or "auto:size=N", with keep-id=true or map-to-root=true';

export interface UsernsMode {
  /** How many ids the namespace has, of users and of groups. */
  readonly size: number;
  /** Those of them that stand for ids of the host. */
  readonly uids: readonly IdPiece[];
  readonly gids: readonly IdPiece[];
}

/** The host's ids below these may not be in a pod; negative for no such limit. */
export interface MinimumMappable {
  readonly uid: number;
  readonly gid: number;
}

type Users = Pick<SandboxConfig, 'runAsUser' | 'runAsGroup' | 'supplementalGroups'>;

/**
 * Undefined where the pod says nothing, or is not allowed to; `invalid-argument` for what is not known or not supported.
 *
 * With `keep-id` the pod's user and groups are those of the host, with `map-to-root` they are root inside, and groups after it.
 */
export function usernsModeOf(
  features: PodFeatures,
  users: Users,
  minimum: MinimumMappable,
): UsernsMode | undefined {
  const text = features.value('usernsMode');
  if (text === undefined || text === '') return undefined;
  const bad = (expected: string): Error => badFeature('usernsMode', text, expected);
  const { size, keepsId, mapsToRoot } = parse(text, bad);
  if (!keepsId && !mapsToRoot) return { size, uids: [], gids: [] };
  const uids = users.runAsUser === undefined ? [] : [users.runAsUser];
  const groups = users.runAsGroup === undefined ? [] : [users.runAsGroup];
  const gids = [...new Set([...groups, ...users.supplementalGroups])];
  for (const [what, ids, least] of [
    ['user', uids, minimum.uid] as const,
    ['group', gids, minimum.gid] as const,
  ]) {
    const low = ids.find((id) => id < Math.max(least, 1));
    if (low !== undefined)
      throw bad(
        `a pod with ${what} ids from ${Math.max(least, 1)} on, as host ids below are not mapped, but it has ${low}`,
      );
  }
  const piece = (id: number, index: number): IdPiece => ({
    inside: keepsId ? id : index,
    outside: id,
    length: 1,
  });
  return { size, uids: uids.map(piece), gids: gids.map(piece) };
}

function parse(
  text: string,
  bad: (expected: string) => Error,
): { readonly size: number; readonly keepsId: boolean; readonly mapsToRoot: boolean } {
  const [, mode = '', list] = /^([^:]*)(?::(.*))?$/s.exec(text) ?? [];
  if (mode === 'private') throw bad(`${known}: mode "private" is not supported`);
  if (mode !== 'auto') throw bad(known);
  const options = new Map<string, string>();
  for (const item of list === undefined ? [] : list.split(';')) {
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(item) ?? [];
    if (name === 'uidmapping' || name === 'gidmapping')
      throw bad(`${known}: option "${name}" is not supported`);
    if (name !== 'size' && !(isSwitch(name) && ['true', 'false'].includes(value))) throw bad(known);
    options.set(name, value);
  }
  const sizeText = options.get('size') ?? String(usualSize);
  const size = /^\d{1,10}$/.test(sizeText) ? Number(sizeText) : 0;
  if (size < 1 || size > largestSize) throw bad('as size a whole number from 1 on');
  const keepsId = options.get('keep-id') === 'true';
  const mapsToRoot = options.get('map-to-root') === 'true';
  if (keepsId && mapsToRoot) throw bad('one of keep-id and map-to-root');
  return { size, keepsId, mapsToRoot };
}

function isSwitch(name: string): boolean {
  return name === 'keep-id' || name === 'map-to-root';
}
