// The standard streams of this process, for what goes through them as it is.

import type { Writable } from 'node:stream';
import { errnoCode } from '../../../internal/errors/errno.ts';

/** Resolves when `stream` takes more: true, or false when its reader has gone. */
export function writeTo(stream: Writable, bytes: Uint8Array | string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (cause) => {
      if (!cause) return resolve(true);
      const isGone = ['EPIPE', 'ERR_STREAM_DESTROYED', 'EIO'].includes(errnoCode(cause) ?? '');
      if (isGone) resolve(false);
      else reject(cause);
    });
  });
}
