// `overlay.mountopt` of storage.conf: what is added to every container's root file system.

import { MS_NODEV, MS_NOEXEC, MS_NOSUID } from '../sys/mount.ts';

export interface MountOptions {
  /** Of mount(2). */
  readonly flags: number;
  /** Of the overlay file system. */
  readonly overlay: readonly (readonly [key: string, value: string | undefined])[];
}

export const noMountOptions: MountOptions = { flags: 0, overlay: [] };

const flagWords: Readonly<Record<string, number>> = { nodev: MS_NODEV, nosuid: MS_NOSUID, noexec: MS_NOEXEC };
/** On for all mounts anyway, or chosen for each mount. */
const needless = new Set([
  'rw',
  'volatile',
  'index=off',
  'metacopy=off',
  'redirect_dir=off',
  'nfs_export=off',
]);
/** Options of the kernel's overlay that change nothing that other tools see in the layers. */
const overlayWords = new Set(['xino=on', 'xino=off', 'xino=auto', 'uuid=on', 'uuid=off', 'uuid=auto']);

export interface ParsedMountOptions {
  readonly options: MountOptions;
  /** Words that have no effect, each with the reason. */
  readonly unused: readonly (readonly [word: string, reason: string])[];
}

/** Takes a comma-separated list apart. */
export function parseMountOptions(text: string): ParsedMountOptions {
  const words = text.split(',').map((word) => word.trim());
  let flags = 0;
  const overlay: [string, string | undefined][] = [];
  const unused: [string, string][] = [];
  for (const word of words.filter((each) => each !== '' && !needless.has(each))) {
    const flag = flagWords[word];
    const [key = '', value] = word.split('=', 2);
    if (flag !== undefined) flags |= flag;
    else if (overlayWords.has(word)) overlay.push([key, value]);
    else if (word === 'metacopy=on')
      unused.push([word, 'containers copy whole files up, so that any tool can read their layers']);
    else unused.push([word, 'it is no mount option that cria knows for containers']);
  }
  return { options: { flags, overlay }, unused };
}
