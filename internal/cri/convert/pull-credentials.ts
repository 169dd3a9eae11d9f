// What a kubelet or crictl says of credentials, in any of its forms.

import { DaemonError } from '../../errors/daemon-error.ts';
import type { RegistryCredentials } from '../../image/images.ts';
import type { AuthConfig__Output } from '../gen/runtime/v1/AuthConfig.ts';

/**
 * `auth` is base64 of `user:password` and counts only where the two are not given apart. Undefined when nothing is given;
 * `invalid-argument` for an `auth` that is no such thing.
 */
export function pullCredentials(auth: AuthConfig__Output | null): RegistryCredentials | undefined {
  if (auth === null) return undefined;
  const { identityToken, registryToken, serverAddress } = auth;
  const { username, password } = auth.username === '' && auth.auth !== '' ? decodePair(auth.auth) : auth;
  if ([username, password, identityToken, registryToken].every((value) => value === '')) return undefined;
  return { username, password, identityToken, registryToken, serverAddress };
}

function decodePair(auth: string): { username: string; password: string } {
  const text = Buffer.from(auth, 'base64').toString('utf8');
  const at = text.indexOf(':');
  if (at < 0) throw new DaemonError('invalid-argument', 'auth.auth is not the base64 form of user:password');
  // docker pads the password with NULs
  return { username: text.slice(0, at), password: text.slice(at + 1).replace(/\0+$/, '') };
}
