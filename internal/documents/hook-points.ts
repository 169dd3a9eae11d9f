// The points of a container's life at which the OCI runtime runs hooks (OCI runtime specification, POSIX-platform hooks).

export const hookPoints = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;

export type HookPoint = (typeof hookPoints)[number];
