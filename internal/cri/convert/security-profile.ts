import type { SecurityProfile } from '../../container/container-config.ts';
import { DaemonError } from '../../errors/daemon-error.ts';
import type { SELinuxOptions } from '../../selinux/selinux.ts';
import type { SELinuxOption__Output } from '../gen/runtime/v1/SELinuxOption.ts';
import type { SecurityProfile__Output } from '../gen/runtime/v1/SecurityProfile.ts';
import { fromEnum } from './fields.ts';

const profileType = {
  RuntimeDefault: 'runtime-default',
  Unconfined: 'unconfined',
  Localhost: 'localhost',
} as const;

/**
 * The profile of the message, else that of the deprecated text field (`runtime/default`, `unconfined`,
 * `localhost/REF`), else none. A `localhost/` in front of a reference is cut off: clients write both forms.
 */
export function securityProfile(
  message: SecurityProfile__Output | null | undefined,
  deprecated: string,
  field: string,
): SecurityProfile | undefined {
  if (message === null || message === undefined) return deprecatedProfile(deprecated, field);
  const type = fromEnum(profileType, message.profileType, `${field}.profile_type`);
  return type === 'localhost' ? localhost(message.localhostRef, field) : { type };
}

function deprecatedProfile(text: string, field: string): SecurityProfile | undefined {
  if (text === '') return undefined;
  if (text === 'runtime/default' || text === 'docker/default') return { type: 'runtime-default' };
  if (text === 'unconfined') return { type: 'unconfined' };
  if (text.startsWith('localhost/')) return localhost(text, field);
  throw new DaemonError('invalid-argument', `${field} ${JSON.stringify(text)} is not a known profile`);
}

function localhost(reference: string, field: string): SecurityProfile {
  const localhostRef = reference.replace(/^localhost\//, '');
  if (localhostRef === '') throw new DaemonError('invalid-argument', `${field}.localhost_ref is empty`);
  return { type: 'localhost', localhostRef };
}

/** Undefined where the message is not there or says nothing. */
export function selinuxOptions(
  message: SELinuxOption__Output | null | undefined,
): SELinuxOptions | undefined {
  if (message === null || message === undefined) return undefined;
  const { user, role, type, level } = message;
  return user || role || type || level ? { user, role, type, level } : undefined;
}
