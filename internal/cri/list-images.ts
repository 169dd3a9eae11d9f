import { imageMessage } from './convert/image-message.ts';
import type { CriParts } from './cri-parts.ts';
import type { ListImagesRequest__Output } from './gen/runtime/v1/ListImagesRequest.ts';
import type { ListImagesResponse } from './gen/runtime/v1/ListImagesResponse.ts';

/** ListImages: from memory; a filter names one image by id, tag or digest. */
export async function listImages(
  parts: CriParts,
  request: ListImagesRequest__Output,
): Promise<ListImagesResponse> {
  const { images } = parts.containers;
  await images.refresh();
  const name = request.filter?.image?.image ?? '';
  if (name === '') return { images: images.list().map(imageMessage) };
  const image = images.find(name);
  return { images: image === undefined ? [] : [imageMessage(image)] };
}
