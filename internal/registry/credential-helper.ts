// Programs that keep credentials (docker-credential-helpers): `docker-credential-NAME get`, the server's name on stdin,
// a JSON object on stdout. Neither what they print nor what they say of it is ever repeated.

import { findProgram } from '../config/executable.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { ProcessError } from '../process/process-error.ts';
import { isRecord } from './auth-document.ts';
import type { Environment } from './proxy-settings.ts';
import type { Credentials } from './registry.ts';

const helperTimeoutMs = 30_000;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
/** What a helper prints that knows nothing of the server. */
const unknownServer = 'credentials not found in native keychain';
/** Under this user name the secret is an identity token. */
const tokenUser = '<token>';

export class CredentialHelpers {
  readonly #runner: CommandRunner;
  readonly #env: Environment;

  constructor(runner: CommandRunner, env: Environment) {
    this.#runner = runner;
    this.#env = env;
  }

  /** What the helper has for `server`; undefined when it knows nothing of it. */
  async get(name: string, server: string, signal: AbortSignal): Promise<Credentials | undefined> {
    const program = await this.#find(name);
    const env = Object.fromEntries(Object.entries(this.#env).filter(isSet));
    const options = { stdin: `${server}\n`, env, timeoutMs: helperTimeoutMs };
    try {
      const { stdout } = await this.#runner.run([program, 'get'], options, signal);
      return credentialsIn(stdout, name);
    } catch (cause) {
      signal.throwIfAborted();
      if (!(cause instanceof ProcessError)) throw cause;
      const { failure } = cause;
      if (`${failure.stdout}${failure.stderr}`.includes(unknownServer)) return undefined;
      const how = failure.timedOut ? 'ran out of time' : howItEnded(failure);
      throw failed(name, `${how} when it was asked for "${server}"`);
    }
  }

  async #find(name: string): Promise<string> {
    if (!namePattern.test(name)) throw failed(name, 'has a name that is not valid');
    const program = `docker-credential-${name}`;
    const path = await findProgram(program, this.#env['PATH'] ?? '');
    if (path !== undefined) return path;
    throw failed(name, `has no program: ${program} is not in the PATH of cria`);
  }
}

function isSet(pair: [string, string | undefined]): pair is [string, string] {
  return pair[1] !== undefined;
}

function howItEnded({ exitCode, signalName, stderr }: ProcessError['failure']): string {
  if (exitCode !== null) return `exited with code ${exitCode}`;
  // Of a program that never ran this is the system's word, not the program's.
  return signalName === null ? `could not be started (${stderr})` : `was killed by ${signalName}`;
}

function credentialsIn(stdout: string, name: string): Credentials | undefined {
  let document: unknown;
  try {
    document = JSON.parse(stdout);
  } catch {
    throw failed(name, 'answered with something that is not JSON');
  }
  const { Username: username, Secret: secret } = isRecord(document) ? document : {};
  if (typeof username !== 'string' || typeof secret !== 'string')
    throw failed(name, 'answered without a user name and a secret');
  if (username === '' && secret === '') return undefined;
  const isToken = username === tokenUser;
  return {
    username: isToken ? '' : username,
    password: isToken ? '' : secret,
    identityToken: isToken ? secret : '',
    registryToken: '',
  };
}

function failed(name: string, how: string): DaemonError {
  return new DaemonError(
    'failed-precondition',
    `credential helper ${JSON.stringify(name.slice(0, 64))} ${how}`,
  );
}
