// OpenPGP signatures by gpgv, which knows no keys but those of the keyring that it is given.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { findProgram } from '../config/executable.ts';
import { atomicWrite } from '../fs/atomic-write.ts';
import { ensureDirectory } from '../fs/directories.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { ProcessError } from '../process/process-error.ts';

const timeoutMs = 30_000;

/** gpgv's words for a signature that is no good, and ours; see doc/DETAILS of GnuPG. */
const refusals: readonly (readonly [status: string, reason: string])[] = [
  ['BADSIG', 'is not genuine: its content was changed'],
  ['REVKEYSIG', 'was made with a key that is revoked'],
  ['EXPKEYSIG', 'was made with a key that has expired'],
  ['EXPSIG', 'has expired'],
  ['NO_PUBKEY', 'was made with a key that the policy does not trust'],
  ['ERRSIG', 'cannot be checked: its algorithm or key is not usable'],
  ['NODATA', 'is no OpenPGP signature'],
];

export interface GpgParts {
  readonly runner: CommandRunner;
  /** A PATH in which gpgv is looked for. */
  readonly searchPath: string;
  /** Holds one keyring for each set of keys; made if missing. */
  readonly directory: string;
}

export class GpgVerifier {
  readonly #parts: GpgParts;

  constructor(parts: GpgParts) {
    this.#parts = parts;
  }

  /** What the signature was made over, by one of the binary `keys`; throws an Error whose text continues "the signature …". */
  async verify(signature: Uint8Array, keys: readonly Uint8Array[], signal: AbortSignal): Promise<Uint8Array> {
    const { runner, searchPath, directory } = this.#parts;
    const gpgvPath = await findProgram('gpgv', searchPath);
    if (gpgvPath === undefined) throw new Error('cannot be checked: install gpgv (GnuPG) on this node');
    const keyring = await this.#keyring(Buffer.concat(keys));
    const argv = [
      gpgvPath,
      '--homedir',
      directory,
      '--keyring',
      keyring,
      '--status-fd',
      '2',
      '--output',
      '-',
    ];
    const env = { LC_ALL: 'C', PATH: '/usr/bin:/bin' };
    try {
      const { stdout, stderr } = await runner.run(argv, { stdin: signature, env, timeoutMs }, signal);
      requireGood(stderr);
      return Buffer.from(stdout);
    } catch (cause) {
      signal.throwIfAborted();
      if (!(cause instanceof ProcessError)) throw cause;
      // Without an exit code it never spoke about the signature.
      if (cause.failure.exitCode === null) throw new Error(`cannot be checked: ${cause.message}`, { cause });
      requireGood(cause.failure.stderr);
      throw new Error(`cannot be checked: ${cause.message}`, { cause });
    }
  }

  /** Named by its content, so that it never has to be replaced. */
  async #keyring(keys: Uint8Array): Promise<string> {
    const name = `${createHash('sha256').update(keys).digest('hex')}.gpg`;
    const path = join(this.#parts.directory, name);
    await ensureDirectory(this.#parts.directory);
    await atomicWrite(path, keys);
    return path;
  }
}

/** One signature, good, by a valid key: gpgv's exit code alone is 0 for expired and revoked keys too. */
function requireGood(status: string): void {
  const words = status
    .split('\n')
    .flatMap((line) => (line.startsWith('[GNUPG:] ') ? [line.split(' ')[1] ?? ''] : []));
  for (const [word, reason] of refusals) if (words.includes(word)) throw new Error(reason);
  const count = (word: string): number => words.filter((each) => each === word).length;
  if (count('NEWSIG') !== 1 || count('GOODSIG') !== 1 || count('VALIDSIG') !== 1) {
    throw new Error('is not exactly one valid OpenPGP signature');
  }
}
