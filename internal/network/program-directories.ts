// Where the host's own programs are.

export const programDirectories: readonly string[] = [
  '/usr/sbin',
  '/sbin',
  '/usr/local/sbin',
  '/usr/bin',
  '/bin',
];
