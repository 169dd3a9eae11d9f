// The certificate authorities of the node, found as Go's crypto/x509 finds them; by itself Node uses only those that it
// was built with.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';

/** Where distributions keep them, in one file. */
const bundlePaths: readonly string[] = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

export interface Authorities {
  readonly bundles: readonly (Buffer | string)[];
  /** Equal as long as the files are. */
  readonly id: string;
}

/** Reads them again when their files have changed. `SSL_CERT_FILE` and `SSL_CERT_DIR` take the place of the usual ones. */
export class SystemAuthorities {
  readonly #env: Readonly<Record<string, string | undefined>>;
  #last: Authorities | undefined;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  async read(): Promise<Authorities> {
    const files = await this.#files();
    const id = files.map(({ path, mark }) => `${path} ${mark}`).join('\n');
    if (this.#last?.id === id) return this.#last;
    const bundles: (Buffer | string)[] = await Promise.all(files.map(({ path }) => readFile(path)));
    this.#last = { id, bundles: bundles.length === 0 ? rootCertificates : bundles };
    return this.#last;
  }

  async #files(): Promise<MarkedFile[]> {
    const file = this.#env['SSL_CERT_FILE'];
    const folders = this.#env['SSL_CERT_DIR']?.split(':').filter((folder) => folder !== '') ?? [];
    const marked: MarkedFile[] = [];
    for (const path of file ? [file] : bundlePaths) {
      const found = await mark(path);
      if (found === undefined) continue;
      marked.push(found);
      break;
    }
    for (const folder of folders) {
      const names = await readdir(folder).catch(() => []);
      const found = await Promise.all(names.sort().map((name) => mark(join(folder, name))));
      marked.push(...found.filter((each) => each !== undefined));
    }
    return marked;
  }
}

interface MarkedFile {
  readonly path: string;
  /** Changes with the file. */
  readonly mark: string;
}

async function mark(path: string): Promise<MarkedFile | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? { path, mark: `${found.ino} ${found.size} ${found.mtimeMs}` } : undefined;
}
