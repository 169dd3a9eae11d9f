// The AppArmor profile of a container, by its request and by what the kernel has.

import type { AppArmor } from '../apparmor/apparmor.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import type { ContainerSecurity } from './container-config.ts';

/**
 * The profile's name, or undefined for none. No profile in the request is the default one, as Kubernetes promises where AppArmor is
 * on; on a kernel without it both are none. A profile that was asked for and cannot be enforced is `failed-precondition`.
 */
export async function apparmorProfile(
  { privileged, apparmor: asked }: Pick<ContainerSecurity, 'privileged' | 'apparmor'>,
  apparmor: AppArmor,
): Promise<string | undefined> {
  if (privileged) return undefined;
  if (asked?.type === 'localhost') return localhost(asked.localhostRef, apparmor);
  if (!apparmor.isEnabled) return undefined;
  if (asked?.type === 'unconfined') return 'unconfined';
  const { defaultProfile } = apparmor;
  if (defaultProfile === '' || defaultProfile === 'unconfined') return defaultProfile || undefined;
  if (await apparmor.has(defaultProfile)) return defaultProfile;
  // A node without apparmor_parser cannot load ours: that is no reason to run nothing that never asked for it.
  if (asked === undefined && apparmor.isDefaultOurs) return undefined;
  const next = apparmor.isDefaultOurs
    ? 'install apparmor_parser on this node'
    : 'load it with apparmor_parser';
  const text = `the default AppArmor profile "${defaultProfile}" is not loaded; ${next}`;
  throw new DaemonError('failed-precondition', text);
}

async function localhost(profile: string, apparmor: AppArmor): Promise<string> {
  if (!/^[\x21-\x7e]+$/.test(profile))
    throw new DaemonError('invalid-argument', 'the AppArmor profile has no valid name');
  if (!apparmor.isEnabled) {
    const text = `AppArmor profile "${profile}" was asked for, but this host has no AppArmor`;
    throw new DaemonError('failed-precondition', text);
  }
  if (await apparmor.has(profile)) return profile;
  const text = `AppArmor profile "${profile}" is not loaded; load it on this node with apparmor_parser`;
  throw new DaemonError('failed-precondition', text);
}
