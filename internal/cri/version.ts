import type { CriParts } from './cri-parts.ts';
import type { VersionRequest__Output } from './gen/runtime/v1/VersionRequest.ts';
import type { VersionResponse } from './gen/runtime/v1/VersionResponse.ts';

/** The version of the kubelet's side of the interface; the kubelet ends when it reads another one. */
const kubeApiVersion = '0.1.0';
const criVersion = 'v1';

/** Version: all four strings are non-empty, the last two parse as versions. */
export async function version(parts: CriParts, _request: VersionRequest__Output): Promise<VersionResponse> {
  return {
    version: kubeApiVersion,
    runtimeName: parts.info.runtimeName,
    runtimeVersion: parts.info.version,
    runtimeApiVersion: criVersion,
  };
}
