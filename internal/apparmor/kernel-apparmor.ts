// AppArmor of this machine's kernel. Profiles are compiled and loaded by apparmor_parser; nothing else can.

import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '../config/executable.ts';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import type { Logger } from '../log/logger.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import type { AppArmor } from './apparmor.ts';
import { ownProfile, ownProfileName } from './default-profile.ts';

const parserTimeoutMs = 60_000;
/** With the directories that a service's PATH may lack. */
const systemPath = '/usr/sbin:/sbin:/usr/bin:/bin';

export interface ChangingAppArmor extends AppArmor {
  /**
   * Looks for another default profile, and loads it where it is ours; from the call of what it gives on it is the default.
   * `failed-precondition` for a new one that the kernel does not have.
   */
  prepare(defaultProfile: string): Promise<() => void>;
}

export interface AppArmorParts {
  /** The option apparmor_profile. */
  readonly defaultProfile: string;
  readonly runner: CommandRunner;
  readonly logger: Logger;
  /** A PATH in which apparmor_parser is looked for. */
  readonly searchPath: string;
  /** Where sysfs is. */
  readonly sys?: string;
}

/** Finds out what the kernel has, and loads our own profile where it is the default. Never fails: the log tells what is missing. */
export async function openAppArmor(parts: AppArmorParts): Promise<ChangingAppArmor> {
  const { defaultProfile, logger, sys = '/sys' } = parts;
  const profilesFile = join(sys, 'kernel/security/apparmor/profiles');
  const isOn = (await readText(join(sys, 'module/apparmor/parameters/enabled'))).startsWith('Y');
  const isEnabled = isOn && (await isReadable(profilesFile));
  if (isOn && !isEnabled)
    logger.warn(
      { path: profilesFile },
      'AppArmor is on, but its profiles cannot be read: containers run without; mount securityfs',
    );
  const kernel = new KernelAppArmor(parts, profilesFile, isEnabled);
  if (isEnabled && isName(defaultProfile) && !(await kernel.has(defaultProfile)))
    logger.warn({ profile: defaultProfile }, 'the default AppArmor profile is not loaded');
  return kernel;
}

/** True for what names a profile, and not the absence of one. */
function isName(profile: string): boolean {
  return profile !== '' && profile !== 'unconfined';
}

class KernelAppArmor implements ChangingAppArmor {
  readonly isEnabled: boolean;
  #defaultProfile: string;
  readonly #parts: AppArmorParts;
  readonly #profilesFile: string;

  constructor(parts: AppArmorParts, profilesFile: string, isEnabled: boolean) {
    this.#parts = parts;
    this.#profilesFile = profilesFile;
    this.isEnabled = isEnabled;
    this.#defaultProfile = parts.defaultProfile;
  }

  get defaultProfile(): string {
    return this.#defaultProfile;
  }

  get isDefaultOurs(): boolean {
    return this.#defaultProfile === ownProfileName;
  }

  async prepare(defaultProfile: string): Promise<() => void> {
    const isNew = this.isEnabled && isName(defaultProfile) && defaultProfile !== this.#defaultProfile;
    if (isNew && !(await this.#provide(defaultProfile, defaultProfile))) {
      const text = `the default AppArmor profile "${defaultProfile}" is not loaded`;
      throw new DaemonError('failed-precondition', `${text}; load it with apparmor_parser`);
    }
    return () => {
      this.#defaultProfile = defaultProfile;
    };
  }

  async has(profile: string): Promise<boolean> {
    return this.isEnabled && this.#provide(profile, this.#defaultProfile);
  }

  async #provide(profile: string, defaultProfile: string): Promise<boolean> {
    if (await this.#isLoaded(profile)) return true;
    if (profile !== ownProfileName || defaultProfile !== ownProfileName) return false;
    try {
      await this.#load();
    } catch (cause) {
      const fields = { profile, error: describeError(cause) };
      this.#parts.logger.warn(fields, 'cannot load the AppArmor profile of containers');
    }
    return this.#isLoaded(profile);
  }

  /** The kernel lists `NAME (MODE)`, one in each line. */
  async #isLoaded(profile: string): Promise<boolean> {
    const text = await readFile(this.#profilesFile, 'utf8');
    return text.split('\n').some((line) => /^(.*) \([a-z]+\)$/.exec(line)?.[1] === profile);
  }

  /** Replaces what has the same name, so that two at once do no harm. */
  async #load(): Promise<void> {
    const { runner, searchPath } = this.#parts;
    const parser = await findProgram('apparmor_parser', `${searchPath}:${systemPath}`);
    if (parser === undefined) throw new Error('apparmor_parser is missing: install AppArmor on this node');
    const stdin = ownProfile({
      hasAbi3: await isReadable('/etc/apparmor.d/abi/3.0'),
      daemonProfile: await daemonProfile(),
    });
    const options = { stdin, env: { LC_ALL: 'C', PATH: systemPath }, timeoutMs: parserTimeoutMs };
    // Without its cache: the text is not a file.
    await runner.run([parser, '--replace', '--skip-cache'], options, new AbortController().signal);
    this.#parts.logger.info({ profile: ownProfileName }, 'loaded the AppArmor profile of containers');
  }
}

/** The profile that confines this process, if its name can stand in a rule. */
async function daemonProfile(): Promise<string | undefined> {
  const label = await readText('/proc/self/attr/apparmor/current');
  const [, name] = /^([\w./-]+) \([a-z]+\)\s*$/.exec(label) ?? [];
  return name;
}

async function isReadable(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Empty for a file that is not there, or that the kernel does not let us read (EINVAL of /proc/self/attr). */
async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    if (isENOENT(cause) || (cause as NodeJS.ErrnoException).code === 'EINVAL') return '';
    throw cause;
  });
}
