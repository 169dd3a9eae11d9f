// What other runtimes on the node have attached: containerd, podman and CRI-O keep a file for each attachment where the
// specification's own library puts it, NETWORK-CONTAINER-INTERFACE.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isENOENT } from '../errors/errno.ts';
import { readTextIfThere } from '../fs/read-text.ts';
import type { ValidAttachment } from './cni.ts';

/** Where libcni keeps them unless it is told otherwise. */
export const libcniResults = '/var/lib/cni/results';

/**
 * The attachments to `network` that are noted in `directory`; none where there is no such directory. Throws an Error that
 * names a file which may be about one and cannot be understood.
 */
export async function attachmentsOfOthers(network: string, directory: string): Promise<ValidAttachment[]> {
  const found: ValidAttachment[] = [];
  for (const name of await namesIn(directory)) {
    const path = join(directory, name);
    const text = await readTextIfThere(path);
    if (text === undefined) continue; // detached since the directory was read
    const noted = parse(text);
    if (noted === undefined && name.startsWith(`${network}-`))
      throw new Error(`${path} does not tell the attachment that it is about`);
    if (noted?.network === network) found.push(noted.attachment);
  }
  return found;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isFile() ? [entry.name] : []));
  } catch (cause) {
    if (isENOENT(cause)) return [];
    throw cause;
  }
}

interface Noted {
  readonly network: string;
  readonly attachment: ValidAttachment;
}

function parse(text: string): Noted | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // torn by a crash
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { networkName, containerId, ifName } = value as Record<string, unknown>;
  if (typeof networkName !== 'string' || typeof containerId !== 'string' || typeof ifName !== 'string')
    return undefined; // before libcni 0.8: the result alone
  return { network: networkName, attachment: { containerID: containerId, ifname: ifName } };
}
