import { measureWritableLayers } from '../container/container-stats.ts';
import type { CriParts } from './cri-parts.ts';
import type { FilesystemUsage } from './gen/runtime/v1/FilesystemUsage.ts';
import type { ImageFsInfoRequest__Output } from './gen/runtime/v1/ImageFsInfoRequest.ts';
import type { ImageFsInfoResponse } from './gen/runtime/v1/ImageFsInfoResponse.ts';

interface Used {
  readonly mountpoint: string;
  readonly usedBytes: number;
  readonly inodesUsed: number;
  readonly timestampNanos: bigint;
}

/**
 * ImageFsInfo: the kubelet fails when either list is empty, and takes different mount points (`imagestore`) for two disks.
 * On one disk both lists say the same.
 */
export async function imageFsInfo(
  parts: CriParts,
  _request: ImageFsInfoRequest__Output,
): Promise<ImageFsInfoResponse> {
  const images = await parts.containers.images.usage();
  const { root } = parts.containers.layers;
  const isSplit = root !== images.mountpoint;
  const containers = isSplit
    ? { ...images, ...(await measureWritableLayers(parts.containers)), mountpoint: root }
    : images;
  return { imageFilesystems: [message(images)], containerFilesystems: [message(containers)] };
}

function message({ mountpoint, usedBytes, inodesUsed, timestampNanos }: Used): FilesystemUsage {
  return {
    timestamp: timestampNanos.toString(),
    fsId: { mountpoint },
    usedBytes: { value: usedBytes.toString() },
    inodesUsed: { value: inodesUsed.toString() },
  };
}
