// The files that every container of a pod gets: resolv.conf, hostname and the shared /dev/shm.

import { chown, readFile, writeFile } from 'node:fs/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import { detachMount } from '../fs/detach-mount.ts';
import { ensureDirectory } from '../fs/directories.ts';
import { MS_NODEV, MS_NOEXEC, MS_NOSUID, mount } from '../sys/mount.ts';
import type { DnsConfig } from './sandbox-config.ts';
import type { SandboxPaths } from './sandbox-files.ts';

export interface PodFilesInput {
  readonly hostname: string;
  readonly dns: DnsConfig | undefined;
  readonly hostResolvConf: string;
  /** Who may write the files; root unless the pod has a user namespace. */
  readonly owner?: Owner | undefined;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Writes resolv.conf and hostname, readable by every user of the container. DNS settings that say nothing are those of the host, as
 * under CRI-O and containerd.
 */
export async function writePodFiles(paths: SandboxPaths, input: PodFilesInput): Promise<void> {
  const asked = input.dns === undefined ? '' : resolvConf(input.dns);
  const resolv = asked === '' ? await readFile(input.hostResolvConf) : asked;
  await writeFile(paths.resolvConf, resolv, { mode: 0o644 });
  await writeFile(paths.hostname, `${input.hostname}\n`, { mode: 0o644 });
  const { owner } = input;
  if (owner === undefined) return;
  for (const path of [paths.resolvConf, paths.hostname]) await chown(path, owner.uid, owner.gid);
}

/** The text of resolv.conf: name servers, search list and options in that order. */
export function resolvConf(dns: DnsConfig): string {
  const words = [...dns.servers, ...dns.searches, ...dns.options];
  const bad = words.find((word) => word === '' || /\s|\0/.test(word));
  if (bad !== undefined) {
    throw new DaemonError(
      'invalid-argument',
      `DNS setting ${JSON.stringify(bad)} is empty or holds white space`,
    );
  }
  const lines = dns.servers.map((server) => `nameserver ${server}`);
  if (dns.searches.length > 0) lines.push(`search ${dns.searches.join(' ')}`);
  if (dns.options.length > 0) lines.push(`options ${dns.options.join(' ')}`);
  return lines.map((line) => `${line}\n`).join('');
}

/** Mounts the pod's /dev/shm, whose files have the SELinux label if there is one. */
export async function mountShm(
  paths: SandboxPaths,
  sizeBytes: number,
  { owner = { uid: 0, gid: 0 }, label }: { readonly owner: Owner | undefined; readonly label: string },
): Promise<void> {
  const context = label === '' ? '' : `,context="${label}"`;
  await ensureDirectory(paths.shm);
  await mount({
    source: 'shm',
    target: paths.shm,
    type: 'tmpfs',
    flags: MS_NOSUID | MS_NODEV | MS_NOEXEC,
    data: `mode=1777,size=${sizeBytes},uid=${owner.uid},gid=${owner.gid}${context}`,
  });
}

/** Unmounts the pod's /dev/shm; not mounted is success. */
export async function unmountShm(paths: SandboxPaths): Promise<void> {
  await detachMount(paths.shm);
}
