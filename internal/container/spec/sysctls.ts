import { DaemonError } from '../../errors/daemon-error.ts';

export interface SysctlScope {
  readonly hostNetwork: boolean;
  readonly hostIpc: boolean;
}

const ipcNames: ReadonlySet<string> = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
]);

/**
 * The request's sysctls under their dotted names. Only what lives in one of the pod's own namespaces passes; a name
 * of a namespace shared with the host is refused (CVE-2022-0532), as is a value that could be read as more than one
 * (CVE-2022-0811).
 */
export function checkSysctls(
  sysctls: Readonly<Record<string, string>>,
  scope: SysctlScope,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(sysctls).map(([given, value]) => {
      const name = dottedName(given);
      const owner = ownerOf(name);
      if (owner === undefined) throw invalid(`sysctl "${name}" is not namespaced`);
      if (isShared(owner, scope))
        throw invalid(`sysctl "${name}" is not allowed: the pod uses the host's ${owner}`);
      if (!/^[\x20-\x7e\t]*$/.test(value) || value.includes('+')) {
        throw invalid(`sysctl "${name}" has a value with a forbidden character`);
      }
      return [name, value];
    }),
  );
}

/** The config file's defaults without those of a namespace that the pod shares with the host. */
export function defaultSysctls(
  defaults: Readonly<Record<string, string>>,
  scope: SysctlScope,
): Readonly<Record<string, string>> {
  const own = Object.entries(defaults).filter(([name]) => {
    const owner = ownerOf(dottedName(name));
    return owner === undefined || !isShared(owner, scope);
  });
  return checkSysctls(Object.fromEntries(own), scope);
}

/** Path below /proc/sys of a dotted name; a slash in it stands for a dot (sysctl.d(5)). */
export function sysctlPath(name: string): string {
  return [...name].map((char) => (char === '.' ? '/' : char === '/' ? '.' : char)).join('');
}

function dottedName(given: string): string {
  const first = /[./]/.exec(given)?.[0];
  const name = first === '/' ? sysctlPath(given) : given;
  const segments = sysctlPath(name).split('/');
  const isBad = segments.some((segment) => segment === '' || /^\.+$/.test(segment));
  if (given.length > 255 || !/^[A-Za-z0-9._/-]+$/.test(given) || given.includes('..') || isBad) {
    throw invalid(`sysctl name ${JSON.stringify(given)} is not valid`);
  }
  return name;
}

function ownerOf(name: string): 'network namespace' | 'ipc namespace' | undefined {
  if (name.startsWith('net.')) return 'network namespace';
  return ipcNames.has(name) || name.startsWith('fs.mqueue.') ? 'ipc namespace' : undefined;
}

function isShared(owner: 'network namespace' | 'ipc namespace', scope: SysctlScope): boolean {
  return owner === 'network namespace' ? scope.hostNetwork : scope.hostIpc;
}

function invalid(message: string): DaemonError {
  return new DaemonError('invalid-argument', message);
}
