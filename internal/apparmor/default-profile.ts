// The AppArmor profile of containers that name no other. It allows what the container's capabilities and mounts allow,
// but for what reaches out of it: mounts, the kernel's settings, and processes of others. Syntax: apparmor.d(5).

/** CRI-O's name for its own, which nodes and their tools know. */
export const ownProfileName = 'crio-default';

export interface ProfilePlace {
  /** The rules that the profile was written for, where the node's parser has them: later ones mediate more. */
  readonly hasAbi3: boolean;
  /** The profile that the daemon itself runs under: it signals containers. */
  readonly daemonProfile: string | undefined;
}

/** Runtimes that distributions give a profile of their own. */
const runtimeProfiles = ['runc', 'crun'];

export function ownProfile({ hasAbi3, daemonProfile }: ProfilePlace): string {
  const senders = ['unconfined', ...runtimeProfiles, ...(daemonProfile === undefined ? [] : [daemonProfile])];
  const rules = [
    ...['network', 'unix', 'capability', 'file', 'umount'],
    ...senders.map((sender) => `signal (receive) peer="${sender}"`),
    `signal (send, receive) peer="${ownProfileName}"`,
    `ptrace (trace, read, tracedby, readby) peer="${ownProfileName}"`,
    'deny mount',
    ...closedPaths.flatMap(([access, patterns]) => patterns.map((pattern) => `deny ${pattern} ${access}`)),
  ];
  return [
    ...(hasAbi3 ? ['abi <abi/3.0>,'] : []),
    `profile "${ownProfileName}" flags=(attach_disconnected, mediate_deleted) {`,
    ...rules.map((rule) => `  ${rule},`),
    '}\n',
  ].join('\n');
}

/**
 * Of /proc only the processes' own directories and what belongs to the IPC namespace may be written, of /sys only cgroups.
 * Some files tell too much to be read.
 */
export const closedPaths: readonly (readonly [access: string, patterns: readonly string[]])[] = [
  // A first digit stands for a process.
  ['w', ['/proc/*', ...allBut('/proc', 'sys', '0-9')]],
  ['w', [...allBut('/proc/sys', 'kernel'), ...otherStarts('/proc/sys/kernel', 'shm')]],
  ['wklx', [...allBut('/sys', 'fs'), ...allBut('/sys/fs', 'cgroup')]],
  ['rwklx', ['/proc/kcore', '/proc/sysrq-trigger']],
  ['rwklx', ['/sys/firmware/**', '/sys/kernel/security/**', '/sys/devices/virtual/powercap/**']],
];

/** Patterns for everything below a directory but the entry `name`. */
function allBut(directory: string, name: string, alsoFirst = ''): string[] {
  return [...otherStarts(directory, name, alsoFirst), `${directory}/${name}[^/]**`];
}

/** Patterns for everything below a directory whose name does not begin with `start`. */
function otherStarts(directory: string, start: string, alsoFirst = ''): string[] {
  return [...start].map((letter, index) => {
    const others = index === 0 ? `${alsoFirst}${letter}` : letter;
    return `${directory}/${start.slice(0, index)}[^${others}]**`;
  });
}
