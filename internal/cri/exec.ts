import { offerExec } from '../streaming/offer-streams.ts';
import { commandStreams } from './convert/command-streams.ts';
import { nonEmpty } from './convert/fields.ts';
import type { CriParts } from './cri-parts.ts';
import type { ExecRequest__Output } from './gen/runtime/v1/ExecRequest.ts';
import type { ExecResponse } from './gen/runtime/v1/ExecResponse.ts';

/** Exec: where a client finds the streams of a command, which starts when it comes. */
export async function exec(parts: CriParts, request: ExecRequest__Output): Promise<ExecResponse> {
  const containerId = nonEmpty(request.containerId, 'container_id');
  return { url: offerExec(parts, containerId, request.cmd, commandStreams(request)) };
}
