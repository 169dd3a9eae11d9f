import { DaemonError } from '../../errors/daemon-error.ts';
import type { ContainerSecurity } from '../container-config.ts';
import { type GroupEntry, type PasswdEntry, parseGroup, parseId, parsePasswd } from './account-files.ts';

export interface UserInput {
  readonly security: Pick<
    ContainerSecurity,
    'runAsUser' | 'runAsGroup' | 'runAsUsername' | 'supplementalGroups' | 'supplementalGroupsPolicy'
  >;
  /** `user[:group]` of the image config. */
  readonly imageUser: string;
  readonly passwdText: string;
  readonly groupText: string;
}

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** The primary gid first (CVE-2022-2995), then the requested ones, then those of the image. */
  readonly additionalGids: readonly number[];
  readonly home: string;
}

/**
 * Who the container's process is. The request's user wins over the image's, a number over a name; text that is all
 * digits is never looked up as a name.
 */
export function resolveUser(input: UserInput): ResolvedUser {
  const { security } = input;
  const named = security.runAsUser !== undefined || security.runAsUsername !== '';
  if (security.runAsGroup !== undefined && !named) {
    throw new DaemonError('invalid-argument', 'run_as_group is set without run_as_user or run_as_username');
  }
  const passwd = parsePasswd(input.passwdText);
  const groups = parseGroup(input.groupText);
  const [imageUser, imageGroup] = splitImageUser(input.imageUser);
  const userText = named ? (security.runAsUser?.toString() ?? security.runAsUsername) : imageUser;
  const { uid, entry } = findUser(userText === '' ? '0' : userText, passwd);
  const gid = primaryGid(security.runAsGroup, named ? '' : imageGroup, { entry, groups });
  const fromImage =
    security.supplementalGroupsPolicy === 'merge' && entry !== undefined
      ? groups.filter((group) => group.members.includes(entry.name)).map((group) => group.gid)
      : [];
  const requested = security.supplementalGroups.map((group) =>
    checkedId('supplemental group', group.toString()),
  );
  return {
    uid,
    gid,
    additionalGids: [...new Set([gid, ...requested, ...fromImage])],
    home: validHome(entry?.home),
  };
}

function splitImageUser(text: string): readonly [user: string, group: string] {
  const at = text.indexOf(':');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function findUser(
  text: string,
  passwd: readonly PasswdEntry[],
): { readonly uid: number; readonly entry: PasswdEntry | undefined } {
  if (isNumber(text)) {
    const uid = checkedId('user', text);
    return { uid, entry: passwd.find((entry) => entry.uid === uid) };
  }
  const entry = passwd.find(({ name }) => name === text);
  if (entry === undefined) {
    throw new DaemonError(
      'invalid-argument',
      `user ${JSON.stringify(text)} is not in the image's /etc/passwd`,
    );
  }
  return { uid: entry.uid, entry };
}

function primaryGid(
  requested: number | undefined,
  imageGroup: string,
  known: { readonly entry: PasswdEntry | undefined; readonly groups: readonly GroupEntry[] },
): number {
  if (requested !== undefined) return checkedId('group', requested.toString());
  if (imageGroup === '') return known.entry?.gid ?? 0;
  if (isNumber(imageGroup)) return checkedId('group', imageGroup);
  const group = known.groups.find(({ name }) => name === imageGroup);
  if (group === undefined) {
    throw new DaemonError(
      'invalid-argument',
      `group ${JSON.stringify(imageGroup)} is not in the image's /etc/group`,
    );
  }
  return group.gid;
}

// `-1` and `65536…` with any number of digits are numbers out of range, not names (CVE-2024-40635).
function isNumber(text: string): boolean {
  return /^[+-]?\d+$/.test(text);
}

function checkedId(what: string, text: string): number {
  const id = parseId(text);
  if (id === undefined)
    throw new DaemonError('invalid-argument', `${what} ${text} is not within 0 and 2147483647`);
  return id;
}

function validHome(home: string | undefined): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  return home?.startsWith('/') && !/[\u0000-\u001f\u007f]/.test(home) ? home : '/';
}
