// The CDI devices that a container asks for, looked up for the spec.

import { stat } from 'node:fs/promises';
import type { CdiDeviceNode, CdiDevices, CdiEdits } from '../cdi/cdi.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';
import type { RuntimeHandler } from '../oci/oci-runtime.ts';
import type { ContainerConfig } from './container-config.ts';
import { deviceOf } from './host-devices.ts';
import type { CdiNode, CdiRequest } from './spec/spec-input.ts';

/** Device plugins that do not know the field of the CRI name the devices here, several with commas between. */
const annotationPrefix = 'cdi.k8s.io/';

/** From the request alone: nothing that comes with an image can ask for a device. */
export async function lookUpCdi(
  cdi: CdiDevices,
  { cdiDevices, annotations }: Pick<ContainerConfig, 'cdiDevices' | 'annotations'>,
  handler: RuntimeHandler,
): Promise<CdiRequest> {
  const annotated = Object.entries(annotations)
    .filter(([key]) => key.startsWith(annotationPrefix))
    .flatMap(([, value]) => value.split(',').map((name) => name.trim()));
  const { deviceNodes, ...edits } = await cdi.resolve([...new Set([...cdiDevices, ...annotated])]);
  requireMovable(edits.netDevices, handler);
  return { ...edits, nodes: await Promise.all(deviceNodes.map(completed)) };
}

/** A runtime passes over what it does not know: the container would run without its interface. */
function requireMovable(netDevices: CdiEdits['netDevices'], { name, features }: RuntimeHandler): void {
  const [first] = netDevices;
  if (first === undefined || features.netDevices === true) return;
  const text = `a CDI device is the network interface "${first.hostInterfaceName}", which the OCI runtime of handler "${name}"`;
  throw new DaemonError(
    'failed-precondition',
    `${text} cannot move into a pod; runc can from version 1.4 on`,
  );
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
