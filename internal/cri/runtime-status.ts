import { hasRecursiveReadOnly } from '../container/prepared-mounts.ts';
import { whyNoUserNamespace } from '../sandbox/user-namespace.ts';
import type { CriParts } from './cri-parts.ts';
import type { RuntimeHandler } from './gen/runtime/v1/RuntimeHandler.ts';
import type { StatusRequest__Output } from './gen/runtime/v1/StatusRequest.ts';
import type { StatusResponse } from './gen/runtime/v1/StatusResponse.ts';

/**
 * Status: the kubelet asks every 5 s and takes the node out of service when RuntimeReady is false. Both conditions are
 * always there (with fewer than two its client reports an error).
 */
export async function runtimeStatus(
  parts: CriParts,
  request: StatusRequest__Output,
): Promise<StatusResponse> {
  const network = parts.sandboxes.network.readiness();
  const networkReady = network.ready
    ? { type: 'NetworkReady', status: true }
    : { type: 'NetworkReady', status: false, reason: 'NetworkPluginNotReady', message: network.message };
  return {
    status: { conditions: [{ type: 'RuntimeReady', status: true }, networkReady] },
    runtimeHandlers: runtimeHandlers(parts),
    features: { supplementalGroupsPolicy: true },
    ...(request.verbose && { info: verboseInfo(parts) }),
  };
}

/** Each handler, and the default one also under the empty name, by which the kubelet looks it up. */
function runtimeHandlers(parts: CriParts): RuntimeHandler[] {
  const { runtimes, abilities } = parts.containers;
  const all = runtimes.list().map((handler) => ({
    name: handler.name,
    // By what can be done here, by the runtime or by us; the kubelet refuses pods that need what is false.
    features: {
      recursiveReadOnlyMounts: hasRecursiveReadOnly(abilities, handler),
      userNamespaces: whyNoUserNamespace(abilities, handler) === undefined,
    },
  }));
  const byDefault = all.find(({ name }) => name === runtimes.defaultName);
  return byDefault === undefined ? all : [{ ...byDefault, name: '' }, ...all];
}

function verboseInfo(parts: CriParts): Record<string, string> {
  const { runtimes, cgroups } = parts.containers;
  const config = {
    sandboxImage: parts.info.pauseImage,
    stateDir: parts.info.stateDirectory,
    cgroupDriver: cgroups.driver,
    defaultRuntime: runtimes.defaultName,
    runtimes: runtimes.list().map(({ name }) => name),
  };
  return { config: JSON.stringify(config), sessions: JSON.stringify(parts.streams.sessions()) };
}
