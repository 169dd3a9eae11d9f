// The certificate of a TLS server of the daemon, read again when its files change.

import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import { opensslCiphers } from './cipher-suites.ts';

export interface ServerIdentity {
  /** Paths of PEM files. */
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities, PEM: a client must show a certificate of theirs. */
  readonly clientCaFile?: string | undefined;
  /** As the options `tls_min_version` and `tls_cipher_suites` have them. */
  readonly minVersion: 'VersionTLS12' | 'VersionTLS13';
  readonly cipherSuites: readonly string[];
}

/** How often the files are looked at. A renewal is made days before the old certificate ends. */
const lookMs = 60_000;

/** `failed-precondition` with the file's name when the files cannot be read or do not fit each other. */
export async function readIdentity(identity: ServerIdentity): Promise<SecureContextOptions> {
  const { certFile, keyFile, clientCaFile } = identity;
  const [cert, key] = await Promise.all([readPem(certFile), readPem(keyFile)]);
  const ca = clientCaFile === undefined ? undefined : await readPem(clientCaFile);
  const ciphers = opensslCiphers(identity.cipherSuites);
  const options: SecureContextOptions = {
    cert,
    key,
    minVersion: identity.minVersion === 'VersionTLS13' ? 'TLSv1.3' : 'TLSv1.2',
    ...(ciphers !== undefined && { ciphers }),
    ...(ca !== undefined && { ca }),
  };
  try {
    createSecureContext(options);
  } catch (cause) {
    const text = `the certificate "${certFile}" and the key "${keyFile}" cannot be used: ${describeError(cause)}`;
    throw new DaemonError('failed-precondition', text, cause);
  }
  return options;
}

/** Gives the identity to `use` whenever its files have changed, until `signal` aborts. A bad pair is told and not used. */
export function followIdentity(
  identity: ServerIdentity,
  use: (options: SecureContextOptions) => void,
  logger: Logger,
  signal: AbortSignal,
): void {
  const changed = (): void => {
    readIdentity(identity).then(use, (cause: unknown) => {
      logger.error({ error: describeError(cause) }, 'the old certificate stays in use');
    });
  };
  const { certFile, keyFile, clientCaFile } = identity;
  for (const file of [certFile, keyFile, clientCaFile]) {
    if (file === undefined) continue;
    watchFile(file, { persistent: false, interval: lookMs }, changed);
    signal.addEventListener('abort', () => unwatchFile(file, changed), { once: true });
  }
}

async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const text = `cannot read "${path}": ${describeError(cause)}`;
    throw new DaemonError('failed-precondition', text, cause);
  }
}
