import type { RegistryCredentials } from '../image/images.ts';
import { required } from './convert/fields.ts';
import type { CriParts } from './cri-parts.ts';
import type { AuthConfig__Output } from './gen/runtime/v1/AuthConfig.ts';
import type { PullImageRequest__Output } from './gen/runtime/v1/PullImageRequest.ts';
import type { PullImageResponse } from './gen/runtime/v1/PullImageResponse.ts';

/** PullImage: returns the image id, which equals Image.id (critest and the kubelet's pull records compare them). */
export async function pullImage(
  parts: CriParts,
  request: PullImageRequest__Output,
  signal: AbortSignal,
): Promise<PullImageResponse> {
  const reference = required(request.image, 'image').image;
  const namespace = request.sandboxConfig?.metadata?.namespace ?? '';
  const asked = { reference, credentials: credentials(request.auth), namespace };
  return { imageRef: await parts.containers.images.pull(asked, signal) };
}

/** `auth` is base64 of `user:password` and counts only where the two are not given apart. */
function credentials(auth: AuthConfig__Output | null): RegistryCredentials | undefined {
  if (auth === null) return undefined;
  const { username, password, identityToken, registryToken } = auth;
  if (username !== '' || auth.auth === '') return { username, password, identityToken, registryToken };
  const text = Buffer.from(auth.auth, 'base64').toString('utf8');
  const at = text.indexOf(':');
  // docker pads the password with NULs
  const [user, secret] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
  return { username: user, password: secret.replace(/\0+$/, ''), identityToken, registryToken };
}
