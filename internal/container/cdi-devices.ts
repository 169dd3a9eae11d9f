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

/**
 * What the file does not say about a node is as on the host. A type and a major number are enough where the host has no such node: like
 * the specification's Go library, which does not write a minor number of 0.
 */
async function completed(wanted: CdiDeviceNode): Promise<CdiNode> {
  const { path, hostPath, type, major = 0, minor = 0, uid, gid, permissions } = wanted;
  const isEnough = type === 'p' || (type !== undefined && major !== 0);
  const host = await hostNode(hostPath).catch((cause: unknown) => {
    if (isEnough) return { type, major, minor, fileMode: 0o666 };
    throw cause;
  });
  if (!isEnough && type !== undefined && type !== host.type)
    throw unusable(hostPath, `it is of type ${host.type}, not ${type}`);
  const numbers = isEnough
    ? { type, major, minor }
    : { type: host.type, major: host.major, minor: host.minor };
  return { node: { path, ...numbers, fileMode: wanted.fileMode ?? host.fileMode }, uid, gid, permissions };
}

async function hostNode(path: string): Promise<Omit<CdiNode['node'], 'path'>> {
  const found = await stat(path).catch((cause: unknown) => {
    throw unusable(path, errnoCode(cause) ?? 'unknown error');
  });
  if (found.isFIFO()) return { type: 'p', major: 0, minor: 0, fileMode: found.mode & 0o777 };
  const device = deviceOf(path, found);
  if (device === undefined) throw unusable(path, 'it is no device node');
  return device;
}

function unusable(path: string, why: string): DaemonError {
  return new DaemonError('failed-precondition', `CDI device node "${path}" cannot be used (${why})`);
}
