import { required } from './convert/fields.ts';
import type { CriParts } from './cri-parts.ts';
import type { RemoveImageRequest__Output } from './gen/runtime/v1/RemoveImageRequest.ts';
import type { RemoveImageResponse } from './gen/runtime/v1/RemoveImageResponse.ts';

/** RemoveImage: removes the image with all its names; absent is success. */
export async function removeImage(
  parts: CriParts,
  request: RemoveImageRequest__Output,
  signal: AbortSignal,
): Promise<RemoveImageResponse> {
  await parts.containers.images.remove(required(request.image, 'image').image, signal);
  return {};
}
