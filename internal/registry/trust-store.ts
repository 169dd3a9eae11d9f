// Which certificates a registry's TLS is checked against: those of the node, as Go programs use them, and those of the
// host's own folder (containers-certs.d(5)).

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';

/** The first of these that has a folder for the host counts. */
export const defaultCertificateFolders: readonly string[] = [
  '/etc/containers/certs.d',
  '/etc/docker/certs.d',
];

/** Where distributions keep the node's authorities; by itself Node uses only those that it was built with. */
const systemBundles: readonly string[] = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** Making a context takes milliseconds; a changed certificate is seen after this time. */
const keptMs = 10_000;

interface HostCertificates {
  readonly authorities: readonly Buffer[];
  readonly clientCertificates: readonly Buffer[];
  readonly clientKeys: readonly Buffer[];
}

/** Makes TLS contexts by host. */
export class TrustStore {
  readonly #folders: readonly string[];
  readonly #kept = new Map<string, { context: Promise<SecureContext>; untilMs: number }>();

  constructor(folders: readonly string[]) {
    this.#folders = folders;
  }

  /**
   * The context for connections to this host (with its port, if it has one). `failed-precondition` when its folder
   * has files that cannot be used.
   */
  async contextFor(host: string): Promise<SecureContext> {
    const nowMs = performance.now();
    for (const [name, { untilMs }] of this.#kept) if (untilMs <= nowMs) this.#kept.delete(name);
    const kept = this.#kept.get(host);
    if (kept !== undefined) return kept.context;
    const context = this.#makeContext(host);
    this.#kept.set(host, { context, untilMs: nowMs + keptMs });
    return context;
  }

  async #makeContext(host: string): Promise<SecureContext> {
    try {
      const { authorities, clientCertificates, clientKeys } = await this.#certificatesOf(host);
      return createSecureContext({
        minVersion: 'TLSv1.2',
        ca: [...(await systemAuthorities()), ...authorities],
        cert: [...clientCertificates],
        key: [...clientKeys],
      });
    } catch (cause) {
      if (cause instanceof DaemonError) throw cause;
      const text = `the certificates for registry "${host}" in certs.d cannot be used`;
      throw new DaemonError('failed-precondition', text, cause);
    }
  }

  async #certificatesOf(host: string): Promise<HostCertificates> {
    // The host may come from a redirect; no real one begins with a dot, and `..` is a folder.
    const folders = host.startsWith('.') ? [] : this.#folders;
    for (const folder of folders) {
      const path = join(folder, host);
      const names = await readdir(path).catch((cause: unknown) => {
        if (isENOENT(cause)) return undefined;
        throw cause;
      });
      if (names !== undefined) return readCertificates(path, names.sort());
    }
    return { authorities: [], clientCertificates: [], clientKeys: [] };
  }
}

/** `*.crt` are authorities; `NAME.cert` with `NAME.key` says who we are. */
async function readCertificates(path: string, names: readonly string[]): Promise<HostCertificates> {
  const read = (name: string): Promise<Buffer> => readFile(join(path, name));
  const clients = names
    .filter((name) => name.endsWith('.cert'))
    .map((name) => name.slice(0, -'.cert'.length));
  const lonely = clients.find((name) => !names.includes(`${name}.key`));
  if (lonely !== undefined) {
    throw new DaemonError('failed-precondition', `${join(path, lonely)}.cert has no ${lonely}.key beside it`);
  }
  return {
    authorities: await Promise.all(names.filter((name) => name.endsWith('.crt')).map(read)),
    clientCertificates: await Promise.all(clients.map((name) => read(`${name}.cert`))),
    clientKeys: await Promise.all(clients.map((name) => read(`${name}.key`))),
  };
}

async function systemAuthorities(): Promise<readonly (Buffer | string)[]> {
  for (const path of systemBundles) {
    const bundle = await readFile(path).catch(() => undefined);
    if (bundle !== undefined) return [bundle];
  }
  return rootCertificates;
}
