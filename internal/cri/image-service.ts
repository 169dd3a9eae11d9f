// The RPCs of runtime.v1.ImageService.

import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { CriParts } from './cri-parts.ts';
import { imageFsInfo } from './image-fs-info.ts';
import { imageStatus } from './image-status.ts';
import { listImages } from './list-images.ts';
import { pullImage } from './pull-image.ts';
import { removeImage } from './remove-image.ts';
import type { RunningCalls } from './running-calls.ts';
import { bindStreamedList } from './stream-list.ts';
import { bindUnary } from './unary.ts';

/** The method table. */
export function imageService(parts: CriParts, running: RunningCalls): UntypedServiceImplementation {
  const rpc = bindUnary(parts, running);
  const streamed = bindStreamedList(parts);
  return {
    ListImages: rpc('ListImages', listImages),
    ImageStatus: rpc('ImageStatus', imageStatus),
    PullImage: rpc('PullImage', pullImage),
    RemoveImage: rpc('RemoveImage', removeImage),
    ImageFsInfo: rpc('ImageFsInfo', imageFsInfo),
    StreamImages: streamed('StreamImages', {
      list: listImages,
      items: ({ images }) => images,
      message: (images) => ({ images }),
    }),
  };
}
