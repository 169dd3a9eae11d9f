// Which certificates a registry's TLS is checked against: those of the node, as Go programs use them, and those of the
// host's own folder (containers-certs.d(5)).

import { createHash } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { DaemonError } from '../errors/daemon-error.ts';
import { type HostCertificates, readHostCertificates } from './host-certificates.ts';
import { SystemAuthorities } from './system-authorities.ts';

/** Reading the files again takes a millisecond; a changed certificate is seen after this time. */
const keptMs = 10_000;

/** Whom a connection is made with. */
export interface Peer {
  /** Folders of certs.d: the authorities of all hold, the client certificates of the first one are shown. */
  readonly names: readonly string[];
  readonly verify: boolean;
  /** A name that leads to this node is refused: a registry elsewhere has sent us to it. */
  readonly mustBeOutside?: boolean;
}

export interface Trust {
  readonly context: SecureContext;
  /** Equal for equal certificates: connections of different trust are not shared. */
  readonly id: string;
}

/** Makes TLS contexts by peer. */
export class TrustStore {
  readonly #folders: readonly string[];
  readonly #system: SystemAuthorities;
  readonly #kept = new Map<string, { trust: Promise<Trust>; untilMs: number }>();

  constructor(folders: readonly string[], env: Readonly<Record<string, string | undefined>>) {
    this.#folders = folders;
    this.#system = new SystemAuthorities(env);
  }

  /** `failed-precondition` when the peer's folder has files that cannot be used. */
  async trustOf({ names }: Peer): Promise<Trust> {
    const nowMs = performance.now();
    const key = names.join(' ');
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.untilMs > nowMs) return kept.trust;
    const trust = this.#read(names, kept?.trust);
    for (const [name, { untilMs }] of this.#kept) if (untilMs <= nowMs) this.#kept.delete(name);
    this.#kept.set(key, { trust, untilMs: nowMs + keptMs });
    return trust;
  }

  async #read(names: readonly string[], before: Promise<Trust> | undefined): Promise<Trust> {
    const [found, system] = await Promise.all([
      Promise.all(names.map((name) => readHostCertificates(this.#folders, name))),
      this.#system.read(),
    ]);
    const authorities = found.flatMap((each) => each.authorities);
    const { clientCertificates = [], clientKeys = [] } = found[0] ?? {};
    const id = hashOf([authorities, clientCertificates, clientKeys], system.id);
    const known = await before?.catch(() => undefined);
    if (known?.id === id) return known;
    return { id, context: contextOf(names, { authorities, clientCertificates, clientKeys }, system.bundles) };
  }
}

/** Takes some milliseconds for the hundred and more authorities of a system. */
function contextOf(
  names: readonly string[],
  own: HostCertificates,
  system: readonly (Buffer | string)[],
): SecureContext {
  try {
    return createSecureContext({
      minVersion: 'TLSv1.2',
      ca: [...system, ...own.authorities],
      cert: [...own.clientCertificates],
      key: [...own.clientKeys],
    });
  } catch (cause) {
    const text = `the certificates for registry "${names.join('" or "')}" in certs.d cannot be used`;
    throw new DaemonError('failed-precondition', text, cause);
  }
}

function hashOf(files: readonly (readonly Buffer[])[], system: string): string {
  const hash = createHash('sha256').update(system);
  for (const group of files) {
    hash.update(`\n${group.length}`);
    for (const file of group) hash.update(`\n${file.length}\n`).update(file);
  }
  return hash.digest('hex');
}
