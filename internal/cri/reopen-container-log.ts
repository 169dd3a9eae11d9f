import { reopenContainerLog as reopen } from '../container/reopen-container-log.ts';
import type { CriParts } from './cri-parts.ts';
import type { ReopenContainerLogRequest__Output } from './gen/runtime/v1/ReopenContainerLogRequest.ts';
import type { ReopenContainerLogResponse } from './gen/runtime/v1/ReopenContainerLogResponse.ts';

/** ReopenContainerLog: the new file exists when the call returns. */
export async function reopenContainerLog(
  parts: CriParts,
  request: ReopenContainerLogRequest__Output,
): Promise<ReopenContainerLogResponse> {
  await reopen(parts.containers, request.containerId);
  return {};
}
