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
