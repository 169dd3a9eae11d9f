import { imageMessage } from './convert/image-message.ts';
import type { CriParts } from './cri-parts.ts';
import type { ImageStatusRequest__Output } from './gen/runtime/v1/ImageStatusRequest.ts';
import type { ImageStatusResponse } from './gen/runtime/v1/ImageStatusResponse.ts';

/** ImageStatus: an absent image is success with the image unset (CRI), not NotFound. */
export async function imageStatus(
  parts: CriParts,
  request: ImageStatusRequest__Output,
): Promise<ImageStatusResponse> {
  const { images } = parts.containers;
  await images.refresh();
  const image = images.find(request.image?.image ?? '');
  if (image === undefined) return {};
  const answer: ImageStatusResponse = { image: imageMessage(image) };
  if (!request.verbose) return answer;
  // The shape of CRI-O's, which node tools read.
  const [imageSpec, { labels }] = await Promise.all([images.rawConfig(image.id), images.config(image.id)]);
  return { ...answer, info: { info: JSON.stringify({ labels, imageSpec }) } };
}
