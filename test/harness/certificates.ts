// Certificates that openssl makes for a test: an authority, and what it signs for servers and clients of 127.0.0.1.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command } from './command.ts';

export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** The group of users that its holder belongs to, where a server reads one. */
  readonly organization?: string;
  /** Addresses of a server beside 127.0.0.1. */
  readonly addresses?: readonly string[];
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export class TestAuthority {
  readonly files: CertificateFiles;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.files = certificateFiles(folder, 'authority');
  }

  /** Writes below `folder`, which must exist. */
  static async make(folder: string): Promise<TestAuthority> {
    const authority = new TestAuthority(folder);
    const { certificate, key } = authority.files;
    const subject = ['-subj', '/CN=authority of a test', '-addext', 'keyUsage=keyCertSign'];
    await command([
      'openssl',
      'req',
      '-x509',
      ...newKey,
      ...subject,
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      certificate,
    ]);
    return authority;
  }

  /** A certificate for this name; as a server's it holds for 127.0.0.1, localhost and the name. */
  async issue(name: string, options: CertificateOptions = {}): Promise<CertificateFiles> {
    const { certificate, key } = certificateFiles(this.#folder, name);
    const request = join(this.#folder, `${name}.csr`);
    const extensions = join(this.#folder, `${name}.ext`);
    const { organization, addresses = [] } = options;
    const subject = organization === undefined ? '' : `/O=${organization}`;
    const names = [...['127.0.0.1', ...addresses].map((address) => `IP:${address}`), 'DNS:localhost'];
    // the name of a user, such as system:node:one, is none of a host
    if (!name.includes(':')) names.push(`DNS:${name}`);
    writeFileSync(extensions, `subjectAltName=${names.join(',')}\n`);
    await command([
      'openssl',
      'req',
      '-new',
      ...newKey,
      '-subj',
      `${subject}/CN=${name}`,
      '-keyout',
      key,
      '-out',
      request,
    ]);
    const signer = ['-CA', this.files.certificate, '-CAkey', this.files.key, '-CAcreateserial'];
    await command([
      ...['openssl', 'x509', '-req', '-in', request, ...signer, '-days', '2'],
      ...['-extfile', extensions, '-out', certificate],
    ]);
    return { certificate, key };
  }
}

/** Where the files of this name's certificate are, once it is issued. */
export function certificateFiles(folder: string, name: string): CertificateFiles {
  return { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
}
