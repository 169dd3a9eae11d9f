import { offerAttach } from '../streaming/offer-streams.ts';
import { commandStreams } from './convert/command-streams.ts';
import { nonEmpty } from './convert/fields.ts';
import type { CriParts } from './cri-parts.ts';
import type { AttachRequest__Output } from './gen/runtime/v1/AttachRequest.ts';
import type { AttachResponse } from './gen/runtime/v1/AttachResponse.ts';

/** Attach: where a client finds the streams of a container. */
export async function attach(parts: CriParts, request: AttachRequest__Output): Promise<AttachResponse> {
  const containerId = nonEmpty(request.containerId, 'container_id');
  return { url: offerAttach(parts, containerId, commandStreams(request)) };
}
