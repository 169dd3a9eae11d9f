// The CDI devices that a container asks for, looked up for the spec.

import { stat } from 'node:fs/promises';
import type { CdiDeviceNode, CdiDevices } from '../cdi/cdi.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';
import type { ContainerConfig } from './container-config.ts';
import { deviceOf } from './host-devices.ts';
import type { CdiNode, CdiRequest } from './spec/spec-input.ts';

/** Device plugins that do not know the field of the CRI name the devices here, several with commas between. */
const annotationPrefix = 'cdi.k8s.io/';

/** From the request alone: nothing that comes with an image can ask for a device. */
export async function lookUpCdi(
  cdi: CdiDevices,
  { cdiDevices, annotations }: Pick<ContainerConfig, 'cdiDevices' | 'annotations'>,
): Promise<CdiRequest> {
  const annotated = Object.entries(annotations)
    .filter(([key]) => key.startsWith(annotationPrefix))
    .flatMap(([, value]) => value.split(',').map((name) => name.trim()));
  const { deviceNodes, ...edits } = await cdi.resolve([...new Set([...cdiDevices, ...annotated])]);
  return { ...edits, nodes: await Promise.all(deviceNodes.map(completed)) };
}

/** What the file does not say about a node is as on the host. */
async function completed(wanted: CdiDeviceNode): Promise<CdiNode> {
  const { path, type, major, minor, fileMode, uid, gid, permissions } = wanted;
  if (type !== undefined && major !== undefined && minor !== undefined)
    return { node: { path, type, major, minor, fileMode: fileMode ?? 0o666 }, uid, gid, permissions };
  const host = await hostNode(wanted.hostPath);
  const node = {
    path,
    type: type ?? host.type,
    major: major ?? host.major,
    minor: minor ?? host.minor,
    fileMode: fileMode ?? host.fileMode,
  };
  return { node, uid, gid, permissions };
}

async function hostNode(path: string): Promise<CdiNode['node']> {
  let why = 'it is no device node';
  try {
    const found = deviceOf(path, await stat(path));
    if (found !== undefined) return found;
  } catch (cause) {
    why = errnoCode(cause) ?? 'unknown error';
  }
  throw new DaemonError('failed-precondition', `CDI device node "${path}" cannot be used (${why})`);
}
