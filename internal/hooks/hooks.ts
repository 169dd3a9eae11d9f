// OCI hooks that an administrator puts into directories, for containers that fit (oci-hooks(5)).

import type { HookPoint } from '../documents/hook-points.ts';

export interface HookDefinition {
  /** The file it comes from. */
  readonly file: string;
  readonly hook: {
    readonly path: string;
    readonly args: readonly string[];
    readonly env: readonly string[];
    readonly timeoutSeconds: number | undefined;
  };
  readonly stages: readonly HookPoint[];
  /** Undefined conditions say nothing; of the others all must hold, and there must be one. */
  readonly when: {
    readonly always: boolean | undefined;
    readonly hasBindMounts: boolean | undefined;
    /** Patterns of names and values: each needs an annotation. */
    readonly annotations: readonly { readonly name: RegExp; readonly value: RegExp }[];
    /** Patterns of the container's program: one must fit. */
    readonly commands: readonly RegExp[];
  };
}

export interface HookDirectories {
  /** The definitions that are there now, by the names of their files. */
  read(): Promise<readonly HookDefinition[]>;
}
