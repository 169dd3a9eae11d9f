import { posix } from 'node:path';
import { DaemonError } from '../../errors/daemon-error.ts';
import type { ContainerSecurity } from '../container-config.ts';

/** Masked and read-only paths as the request has them: empty means none (procMount Unmasked), privileged has none. */
export function hiddenPaths(
  security: Pick<ContainerSecurity, 'privileged' | 'maskedPaths' | 'readonlyPaths'>,
): { readonly maskedPaths: readonly string[]; readonly readonlyPaths: readonly string[] } {
  if (security.privileged) return { maskedPaths: [], readonlyPaths: [] };
  for (const path of [...security.maskedPaths, ...security.readonlyPaths]) {
    if (!path.startsWith('/') || path.includes('\0') || path.split('/').includes('..')) {
      throw new DaemonError(
        'invalid-argument',
        `masked or read-only path ${JSON.stringify(path)} is not absolute`,
      );
    }
  }
  return { maskedPaths: security.maskedPaths, readonlyPaths: security.readonlyPaths };
}

/**
 * The AppArmor profile's name, or undefined for none. RuntimeDefault on a kernel without AppArmor is none; a profile
 * that was asked for by name is an error there.
 */
export function apparmorProfile(
  security: Pick<ContainerSecurity, 'privileged' | 'apparmor'>,
  hasApparmor: boolean,
  defaultProfile: string,
): string | undefined {
  const profile = security.apparmor;
  if (security.privileged || profile === undefined || profile.type === 'unconfined') {
    return hasApparmor && profile?.type === 'unconfined' ? 'unconfined' : undefined;
  }
  if (profile.type === 'runtime-default')
    return hasApparmor && defaultProfile !== '' ? defaultProfile : undefined;
  if (!hasApparmor) {
    throw new DaemonError(
      'failed-precondition',
      `AppArmor profile "${profile.localhostRef}" was asked for, but this host has no AppArmor`,
    );
  }
  if (!/^[\x21-\x7e]+$/.test(profile.localhostRef)) {
    throw new DaemonError('invalid-argument', 'the AppArmor profile has no valid name');
  }
  return profile.localhostRef;
}

/**
 * The working directory: the request's, else the image's, else `/`; made absolute. One below /proc/PID/fd would reach
 * what the runtime has open on the host (CVE-2024-21626).
 */
export function workingDirectory(requested: string, image: string): string {
  const path = posix.normalize(`/${requested || image}`);
  if (path.includes('\0') || /^\/proc\/[^/]+(\/task\/[^/]+)?\/(fd|map_files|cwd|root|exe)(\/|$)/.test(path)) {
    throw new DaemonError('invalid-argument', `working directory ${JSON.stringify(path)} is not allowed`);
  }
  return path;
}
