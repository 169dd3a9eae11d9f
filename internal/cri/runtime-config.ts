import type { CriParts } from './cri-parts.ts';
import type { RuntimeConfigRequest__Output } from './gen/runtime/v1/RuntimeConfigRequest.ts';
import type { RuntimeConfigResponse } from './gen/runtime/v1/RuntimeConfigResponse.ts';

/** RuntimeConfig: the cgroup driver, which the kubelet takes over from us once, at its start. */
export async function runtimeConfig(
  parts: CriParts,
  _request: RuntimeConfigRequest__Output,
): Promise<RuntimeConfigResponse> {
  const cgroupDriver = parts.containers.cgroups.driver === 'systemd' ? 'SYSTEMD' : 'CGROUPFS';
  return { linux: { cgroupDriver } };
}
