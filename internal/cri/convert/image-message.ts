import type { Image } from '../../image/images.ts';
import type { Image as ImageMessage } from '../gen/runtime/v1/Image.ts';

/**
 * The CRI message of an image. `uid` or `username`, never both: the kubelet decides runAsNonRoot by them. The size is
 * at least 1, since its client takes an image of size 0 for a broken answer.
 */
export function imageMessage(image: Image): ImageMessage {
  return {
    id: image.id,
    repoTags: [...image.repoTags],
    repoDigests: [...image.repoDigests],
    size: Math.max(1, image.sizeBytes).toString(),
    uid: image.uid === undefined ? null : { value: image.uid.toString() },
    username: image.uid === undefined ? image.username : '',
    spec: { image: image.id },
    pinned: image.pinned,
  };
}
