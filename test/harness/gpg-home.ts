// A GnuPG home of a test: keys that are good, expired or revoked, and the signatures that they make.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const past = '20200101T000000';

export class GpgHome {
  /** Short: gpg-agent puts a socket into it, whose path has at most 107 bytes. */
  readonly path = mkdtempSync(join(tmpdir(), 'gpg-'));

  /** What skopeo and gpg need to find the keys. */
  get env(): Record<string, string> {
    return { ...(process.env as Record<string, string>), GNUPGHOME: this.path };
  }

  /** Makes a signing key without a passphrase; `days` counts from the year 2020 if given. */
  makeKey(address: string, expiresAfterDays?: number): void {
    const when = expiresAfterDays === undefined ? [] : ['--faked-system-time', past];
    const expiry = expiresAfterDays === undefined ? 'never' : `${expiresAfterDays}d`;
    this.#gpg(
      ...when,
      '--passphrase',
      '',
      '--quick-generate-key',
      `test <${address}>`,
      'ed25519',
      'sign',
      expiry,
    );
  }

  /** Binary; `armored` for text. */
  exportKey(address: string, armored = false): Buffer {
    return this.#gpg(...(armored ? ['--armor'] : []), '--export', address);
  }

  /** An OpenPGP message with the payload in it, as containers/image's simple signing wants it. */
  sign(address: string, payload: string, options: { readonly inThePast?: boolean } = {}): Buffer {
    const when = options.inThePast ? ['--faked-system-time', '20200101T010000'] : [];
    return this.#sign(address, payload, when);
  }

  /** The same of a payload that was changed after it was signed; nothing else is wrong with it. */
  signAndChange(address: string, payload: string): Buffer {
    // In a compressed message the bits decide what a change does.
    const message = this.#sign(address, payload, ['--compress-algo', 'none']);
    const at = message.indexOf(payload);
    message.writeUInt8(message.readUInt8(at) ^ 1, at);
    return message;
  }

  #sign(address: string, payload: string, options: readonly string[]): Buffer {
    const file = join(this.path, 'payload');
    writeFileSync(file, payload);
    return this.#gpg(...options, '--local-user', address, '--output', '-', '--sign', file);
  }

  /** Afterwards the exported key carries its revocation. */
  revoke(address: string): void {
    const listing = this.#gpg('--with-colons', '--list-keys', address).toString();
    const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listing)?.[1];
    const certificate = readFileSync(join(this.path, `openpgp-revocs.d/${fingerprint}.rev`), 'utf8');
    const file = join(this.path, 'revocation');
    writeFileSync(file, certificate.replace(/^:---/gm, '---')); // disarmed by gpg against accidents
    this.#gpg('--import', file);
  }

  /** Ends the agent that gpg started and deletes everything. */
  close(): void {
    execFileSync('gpgconf', ['--homedir', this.path, '--kill', 'all'], { stdio: 'ignore' });
    rmSync(this.path, { recursive: true, force: true });
  }

  #gpg(...args: readonly string[]): Buffer {
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    const fixed = ['--homedir', this.path, '--batch', '--yes', '--pinentry-mode', 'loopback', '--quiet'];
    return execFileSync('gpg', [...fixed, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  }
}
