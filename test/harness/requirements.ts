// What a test needs of the machine. A test that lacks something is skipped with the reason.

import { existsSync } from 'node:fs';
import { findProgram } from './command.ts';
import { findStaticBusybox } from './images.ts';

const pluginFolders = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'];

/** The first reason why the machine cannot run a test that starts containers and uses `programs`, or false. */
export function missing(...programs: readonly string[]): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (findStaticBusybox() === undefined) return 'needs a static busybox';
  if (!pluginFolders.some((folder) => existsSync(`${folder}/bridge`))) return 'needs the CNI plugins';
  const absent = programs.find((name) => findProgram(name) === undefined);
  return absent === undefined ? false : `needs ${absent}`;
}
