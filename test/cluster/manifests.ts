// Pods as a person would write them, each bound to the only node. All containers are a busybox.

import { nodeName } from '../kubelet/kubelet-settings.ts';
import { image, type Manifest } from '../kubelet/manifests.ts';

/** Runs until it is asked to end. */
export const waits = 'trap "exit 0" TERM; while :; do sleep 3600 & wait; done';

export function shell(script: string, rest: object = {}): object {
  return { name: 'main', image, imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', script], ...rest };
}

export function pod(name: string, container: object, rest: object = {}): Manifest {
  return podOf(name, [container], rest);
}

export function podOf(name: string, containers: readonly object[], rest: object = {}): Manifest {
  const spec = {
    nodeName,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 5,
    containers,
    ...rest,
  };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec } as Manifest;
}
