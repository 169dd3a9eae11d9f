// /etc/passwd and /etc/group of an image: untrusted text (CVE-2025-4437). The size is bounded before it is split, and
// a line that is too long or malformed is no entry at all, never a shortened one.

import { DaemonError } from '../../errors/daemon-error.ts';

/** Bytes; a caller reads one more, so that a longer file is seen as such. */
export const maxAccountFileBytes = 1024 * 1024;
const maxLineLength = 32 * 1024;
const maxLines = 65_536;
/** Kernel ids go to 2^32 - 2, but tools and file systems take them as signed: Kubernetes allows 2^31 - 1. */
const maxId = 2 ** 31 - 1;

export interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

export interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** A decimal number from 0 to 2^31 - 1, or undefined for any other text. */
export function parseId(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= maxId ? id : undefined;
}

/** The entries of passwd(5); a line that is malformed or too long is none. `failed-precondition` for too large a file. */
export function parsePasswd(text: string): readonly PasswdEntry[] {
  return linesOf('/etc/passwd', text).flatMap((line) => {
    const [name = '', , uidText = '', gidText = '', , home = ''] = line.split(':');
    const uid = parseId(uidText);
    const gid = parseId(gidText);
    return name === '' || uid === undefined || gid === undefined ? [] : [{ name, uid, gid, home }];
  });
}

/** The same of group(5). */
export function parseGroup(text: string): readonly GroupEntry[] {
  return linesOf('/etc/group', text).flatMap((line) => {
    const [name = '', , gidText = '', members = ''] = line.split(':');
    const gid = parseId(gidText);
    if (name === '' || gid === undefined) return [];
    return [{ name, gid, members: members.split(',').filter((member) => member !== '') }];
  });
}

/**
 * The text with a line for a user whom it does not know, named by the number, as under CRI-O: programs that look their user up give up
 * otherwise. Undefined where there is nothing to add, or where `home` would be more than one field (CVE-2022-4318).
 */
export function passwdWith(text: string, user: Omit<PasswdEntry, 'name'>): string | undefined {
  const { uid, gid, home } = user;
  if (!canBeCopied(text) || parsePasswd(text).some((entry) => entry.uid === uid)) return undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  if (!/^\/[^:\u0000-\u001f\u007f]*$/.test(home)) return undefined;
  return withLine(text, `${uid}:x:${uid}:${gid}:${uid} user:${home}:/sbin/nologin`);
}

/** The text with a line for a group that it does not know; undefined where there is nothing to add. */
export function groupWith(text: string, gid: number): string | undefined {
  if (!canBeCopied(text) || parseGroup(text).some((entry) => entry.gid === gid)) return undefined;
  return withLine(text, `${gid}:x:${gid}:`);
}

/** Text that is not UTF-8 in the file would be other bytes in its copy. */
function canBeCopied(text: string): boolean {
  return text !== '' && !text.includes('\ufffd');
}

function withLine(text: string, line: string): string {
  return `${text}${text.endsWith('\n') ? '' : '\n'}${line}\n`;
}

function linesOf(file: string, text: string): readonly string[] {
  if (Buffer.byteLength(text) > maxAccountFileBytes) {
    throw new DaemonError('failed-precondition', `${file} of the image is larger than 1 MiB`);
  }
  const lines = text.split('\n', maxLines + 1);
  if (lines.length > maxLines) {
    throw new DaemonError('failed-precondition', `${file} of the image has more than ${maxLines} lines`);
  }
  return lines.filter((line) => line !== '' && !line.startsWith('#') && line.length <= maxLineLength);
}
