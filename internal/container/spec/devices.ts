import { posix } from 'node:path';
import { DaemonError } from '../../errors/daemon-error.ts';
import type { DeviceCgroupRule, DeviceSpec } from '../../oci/runtime-spec.ts';
import type { HostDevice, RequestedDevice } from './spec-input.ts';

export interface DevicesInput {
  readonly requested: readonly RequestedDevice[];
  /** Undefined unless the container is privileged and its handler gives it the host's. */
  readonly hostDevices: readonly HostDevice[] | undefined;
  /** Who owns the requested nodes in the container, where the option says so. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
}

export interface Devices {
  readonly devices: readonly DeviceSpec[];
  readonly rules: readonly DeviceCgroupRule[];
}

const denyAll: DeviceCgroupRule = { allow: false, access: 'rwm' };
const allowAll: DeviceCgroupRule = { allow: true, access: 'rwm' };

/** Places that a container has of its own; the runtimes make what belongs there. */
const ownPlaces = ['/dev/pts/', '/dev/shm/', '/dev/mqueue/', '/dev/fd/'];
const ownNodes: ReadonlySet<string> = new Set(['/dev/console', '/dev/ptmx']);

/**
 * Device nodes and the cgroup's list for them: deny all, then what was asked for. The runtimes add the standard nodes
 * (null, zero, full, random, urandom, tty, ptmx) and their rules themselves (OCI runtime spec, default devices).
 */
export function devices(input: DevicesInput): Devices {
  const requested = input.requested.map((device) => ({
    nodes: nodesOf(device, input.owner),
    access: accessOf(device),
  }));
  const nodes = requested.flatMap((device) => device.nodes);
  if (input.hostDevices !== undefined) {
    const host = input.hostDevices.filter(({ path }) => !isOwn(path));
    return { devices: lastOfEachPath([...host, ...nodes]), rules: [allowAll] };
  }
  const rules = requested.flatMap(({ nodes: own, access }) =>
    own.map(({ type, major, minor }) => ({ allow: true, type, major, minor, access })),
  );
  return { devices: lastOfEachPath(nodes), rules: [denyAll, ...rules] };
}

function nodesOf(device: RequestedDevice, owner: DevicesInput['owner']): readonly HostDevice[] {
  if (!device.containerPath.startsWith('/') || device.containerPath.includes('\0')) {
    throw new DaemonError(
      'invalid-argument',
      `device ${JSON.stringify(device.hostPath)}: container path ${JSON.stringify(device.containerPath)} is not absolute`,
    );
  }
  if (device.nodes.length === 0) {
    throw new DaemonError(
      'invalid-argument',
      `device ${JSON.stringify(device.hostPath)} is not a device on this host`,
    );
  }
  return device.nodes.map((node) => ({
    ...node,
    ...owner,
    path: posix.join(device.containerPath, posix.relative(device.hostPath, node.path)),
  }));
}

function accessOf(device: RequestedDevice): string {
  if (device.permissions === '') return 'rwm';
  if (!/^[rwm]{1,3}$/.test(device.permissions)) {
    throw new DaemonError(
      'invalid-argument',
      `device ${JSON.stringify(device.hostPath)}: permissions ${JSON.stringify(device.permissions)} are not of r, w, m`,
    );
  }
  return [...'rwm'].filter((letter) => device.permissions.includes(letter)).join('');
}

function isOwn(path: string): boolean {
  return ownNodes.has(path) || ownPlaces.some((place) => path.startsWith(place));
}

function lastOfEachPath(nodes: readonly DeviceSpec[]): readonly DeviceSpec[] {
  return [...new Map(nodes.map((node) => [node.path, node])).values()];
}
