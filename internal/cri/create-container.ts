import { createContainer as create } from '../container/create-container.ts';
import { readySandbox } from '../sandbox/ready-sandbox.ts';
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
  const pod = readySandbox(parts.sandboxes, request.podSandboxId);
  const containerId = await create(parts.containers, pod, config, signal);
  return { containerId };
}
