import { required } from './convert/fields.ts';
import { pullCredentials } from './convert/pull-credentials.ts';
import type { CriParts } from './cri-parts.ts';
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
  const asked = { reference, credentials: pullCredentials(request.auth), namespace };
  return { imageRef: await parts.containers.images.pull(asked, signal) };
}
