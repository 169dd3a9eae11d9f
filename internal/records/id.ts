// Ids of sandboxes and containers: 64 lower-case hex digits. cAdvisor matches exactly that form, and the kubelet cuts an
// id out of a symlink's name at the last dash.

import { randomBytes } from 'node:crypto';

/** A new random id. */
export function newId(): string {
  return randomBytes(32).toString('hex');
}

/** True for 64 lower-case hex digits. An id that comes from outside is checked before it becomes part of a path. */
export function isId(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** True for a non-empty beginning of an id. */
export function isIdPrefix(text: string): boolean {
  return /^[0-9a-f]{1,64}$/.test(text);
}
