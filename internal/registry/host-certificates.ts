// The folder of one registry in certs.d.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';

/** The first of these that has a folder for the host counts. */
export const defaultCertificateFolders: readonly string[] = [
  '/etc/containers/certs.d',
  '/etc/docker/certs.d',
];

export interface HostCertificates {
  readonly authorities: readonly Buffer[];
  readonly clientCertificates: readonly Buffer[];
  readonly clientKeys: readonly Buffer[];
}

/** What the first of `folders` has for this host (with its port, as references name it). */
export async function readHostCertificates(
  folders: readonly string[],
  host: string,
): Promise<HostCertificates> {
  // The host may come from a redirect; no real one begins with a dot, and `..` is a folder.
  for (const folder of host.startsWith('.') || host.includes('/') ? [] : folders) {
    const path = join(folder, host);
    const names = await readdir(path).catch((cause: unknown) => {
      if (isENOENT(cause)) return undefined;
      throw new DaemonError('failed-precondition', `the certificates in ${path} cannot be read`, cause);
    });
    if (names !== undefined) return readFolder(path, names.sort());
  }
  return { authorities: [], clientCertificates: [], clientKeys: [] };
}

/** `*.crt` are authorities; `NAME.cert` with `NAME.key` says who we are. */
async function readFolder(path: string, names: readonly string[]): Promise<HostCertificates> {
  const read = (name: string): Promise<Buffer> =>
    readFile(join(path, name)).catch((cause: unknown) => {
      throw new DaemonError('failed-precondition', `${join(path, name)} cannot be read`, cause);
    });
  const clients = without(names, '.cert');
  requirePartner(path, names, clients, ['.cert', '.key']);
  requirePartner(path, names, without(names, '.key'), ['.key', '.cert']);
  return {
    authorities: await Promise.all(names.filter((name) => name.endsWith('.crt')).map(read)),
    clientCertificates: await Promise.all(clients.map((name) => read(`${name}.cert`))),
    clientKeys: await Promise.all(clients.map((name) => read(`${name}.key`))),
  };
}

function without(names: readonly string[], suffix: string): string[] {
  return names.filter((name) => name.endsWith(suffix)).map((name) => name.slice(0, -suffix.length));
}

function requirePartner(
  path: string,
  names: readonly string[],
  stems: readonly string[],
  [have, want]: readonly [string, string],
): void {
  const lonely = stems.find((stem) => !names.includes(`${stem}${want}`));
  if (lonely === undefined) return;
  const text = `${join(path, lonely)}${have} has no ${lonely}${want} beside it`;
  throw new DaemonError('failed-precondition', text);
}
