import type { CriParts } from './cri-parts.ts';
import type { FilesystemUsage } from './gen/runtime/v1/FilesystemUsage.ts';
import type { ImageFsInfoRequest__Output } from './gen/runtime/v1/ImageFsInfoRequest.ts';
import type { ImageFsInfoResponse } from './gen/runtime/v1/ImageFsInfoResponse.ts';

/** ImageFsInfo: images and containers live on the same file system; the kubelet fails when either list is empty. */
export async function imageFsInfo(
  parts: CriParts,
  _request: ImageFsInfoRequest__Output,
): Promise<ImageFsInfoResponse> {
  const { mountpoint, usedBytes, inodesUsed, timestampNanos } = await parts.containers.images.usage();
  const usage: FilesystemUsage = {
    timestamp: timestampNanos.toString(),
    fsId: { mountpoint },
    usedBytes: { value: usedBytes.toString() },
    inodesUsed: { value: inodesUsed.toString() },
  };
  return { imageFilesystems: [usage], containerFilesystems: [usage] };
}
