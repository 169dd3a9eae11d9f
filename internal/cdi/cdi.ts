// The Container Device Interface: vendors describe in files what a container needs for a device of theirs
// (github.com/cncf-tags/container-device-interface, SPEC.md).

import type { HookPoint } from '../documents/hook-points.ts';

/** A node that a container gets. What is undefined is the host's. */
export interface CdiDeviceNode {
  readonly path: string;
  readonly hostPath: string;
  readonly type: 'b' | 'c' | 'p' | undefined;
  readonly major: number | undefined;
  readonly minor: number | undefined;
  readonly fileMode: number | undefined;
  /** Some of `r`, `w`, `m`; empty means all. */
  readonly permissions: string;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

export interface CdiMount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly type: string;
  readonly options: readonly string[];
}

export interface CdiHook {
  readonly hookName: HookPoint;
  readonly path: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly timeoutSeconds: number | undefined;
}

export interface CdiIntelRdt {
  readonly closID: string;
  readonly l3CacheSchema: string;
  readonly memBwSchema: string;
  readonly schemata: readonly string[];
  readonly enableMonitoring: boolean;
}

/** A network interface of the host that moves into the pod. */
export interface CdiNetDevice {
  readonly hostInterfaceName: string;
  /** In the pod. */
  readonly name: string;
}

/** What is done to a container's spec. */
export interface CdiEdits {
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly deviceNodes: readonly CdiDeviceNode[];
  readonly netDevices: readonly CdiNetDevice[];
  readonly mounts: readonly CdiMount[];
  readonly hooks: readonly CdiHook[];
  readonly additionalGids: readonly number[];
  readonly intelRdt: CdiIntelRdt | undefined;
}

export interface CdiDevices {
  /**
   * The edits for devices such as `vendor.com/gpu=0`, in their order; those of a whole file come once, before those of its
   * first device. `failed-precondition` naming every device that no file describes, or that two files of one directory do.
   */
  resolve(names: readonly string[]): Promise<CdiEdits>;
}
