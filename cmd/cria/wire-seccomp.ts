// What RuntimeDefault means on this node.

import { readSeccompProfile } from '../../internal/container/seccomp-files.ts';
import { parseSeccompProfile } from '../../internal/container/spec/seccomp-profile.ts';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import { isENOENT } from '../../internal/errors/errno.ts';
import type { Logger } from '../../internal/log/logger.ts';

/**
 * The parsed profile; undefined for the built-in one: where no file is named, and where it is not there, with a warning (CRI-O).
 * A file that is there and cannot be used is an error: its rules are not what the administrator has.
 */
export async function runtimeDefaultProfile(path: string, logger: Logger): Promise<unknown> {
  if (path === '') return undefined;
  try {
    const profile = await readSeccompProfile(path);
    parseSeccompProfile(profile, path);
    return profile;
  } catch (cause) {
    if (!(cause instanceof DaemonError && isENOENT(cause.cause))) throw cause;
    logger.warn({ path }, 'the file of seccomp_profile is not there: RuntimeDefault is the built-in profile');
    return undefined;
  }
}
