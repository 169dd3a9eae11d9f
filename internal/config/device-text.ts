// Devices as the options and the annotation write them.

export interface DeviceText {
  readonly hostPath: string;
  readonly containerPath: string;
  /** Some of `r`, `w`, `m`. */
  readonly permissions: string;
}

/** `HOST`, `HOST:CONTAINER`, `HOST:PERMISSIONS` or `HOST:CONTAINER:PERMISSIONS`, as docker has it; undefined for anything else. */
export function parseDeviceText(text: string): DeviceText | undefined {
  const [hostPath = '', second = '', third, ...rest] = text.split(':');
  const hasTwo = third === undefined;
  const permissions = hasTwo ? (isPermissions(second) ? second : 'rwm') : third;
  const containerPath = second === '' || (hasTwo && isPermissions(second)) ? hostPath : second;
  const isGood = isPath(hostPath) && isPath(containerPath) && isPermissions(permissions) && rest.length === 0;
  return isGood ? { hostPath, containerPath, permissions } : undefined;
}

/** A clean path below /dev or elsewhere; `..` could make an allowed path mean another one. */
function isPath(path: string): boolean {
  return path.startsWith('/') && !path.split('/').includes('..') && !path.includes('\0');
}

function isPermissions(text: string): boolean {
  return /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;
}
