import { createContainer as create } from '../container/create-container.ts';
import { withReadySandbox } from '../sandbox/with-ready-sandbox.ts';
import { containerConfig } from './convert/container-config.ts';
import type { CriParts } from './cri-parts.ts';
import type { CreateContainerRequest__Output } from './gen/runtime/v1/CreateContainerRequest.ts';
import type { CreateContainerResponse } from './gen/runtime/v1/CreateContainerResponse.ts';

/** CreateContainer: a retry of the same request joins the running work, or gets the id of the created container. */
export async function createContainer(
  parts: CriParts,
  request: CreateContainerRequest__Output,
  signal: AbortSignal,
): Promise<CreateContainerResponse> {
  const config = containerConfig(request.config);
  const containerId = await withReadySandbox(parts.sandboxes, request.podSandboxId, (pod) =>
    create(parts.containers, pod, config, signal),
  );
  return { containerId };
}
