// The RPCs of runtime.v1.ImageService.

import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { CriParts } from './cri-parts.ts';
import { imageFsInfo } from './image-fs-info.ts';
import { imageStatus } from './image-status.ts';
import { listImages } from './list-images.ts';
import { pullImage } from './pull-image.ts';
import { removeImage } from './remove-image.ts';
import { bindUnary } from './unary.ts';
import { unimplemented } from './unimplemented.ts';

/** The method table; an RPC that is not done yet says so. */
export function imageService(parts: CriParts): UntypedServiceImplementation {
  const rpc = bindUnary(parts);
  return {
    ListImages: rpc('ListImages', listImages),
    ImageStatus: rpc('ImageStatus', imageStatus),
    PullImage: rpc('PullImage', pullImage),
    RemoveImage: rpc('RemoveImage', removeImage),
    ImageFsInfo: rpc('ImageFsInfo', imageFsInfo),
    ...unimplemented(['StreamImages']),
  };
}
