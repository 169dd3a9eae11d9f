// The user that an image asks for, as ListImages shows it: the kubelet's runAsNonRoot looks at nothing else.

import { DaemonError } from '../errors/daemon-error.ts';

export interface ImageUser {
  readonly uid: number | undefined;
  readonly username: string;
}

const maxUid = 2 ** 31 - 1;

/**
 * Splits the config's `User`: digits are a uid, anything else a name; a group is cut off. A number that is no uid is
 * `invalid-argument`: looked up as a name, it could end as uid 0 (CVE-2024-40635).
 */
export function parseImageUser(field: string): ImageUser {
  const [user = ''] = field.split(':', 1);
  if (!/^[0-9]+$/.test(user)) return { uid: undefined, username: user };
  const uid = Number(user);
  if (uid > maxUid) {
    throw new DaemonError('invalid-argument', `the image's user "${user.slice(0, 64)}" is not a valid uid`);
  }
  return { uid, username: '' };
}

/**
 * The same for display, where nothing may throw: a number that is no uid is shown as a name, which runAsNonRoot
 * refuses, while neither uid nor name would mean root.
 */
export function shownImageUser(field: string): ImageUser {
  try {
    return parseImageUser(field);
  } catch {
    return { uid: undefined, username: field };
  }
}
