// What the steps of a container's creation are about.

import type { Image, ImageConfig } from '../image/images.ts';
import type { RuntimeHandler } from '../oci/oci-runtime.ts';
import type { Labels } from '../selinux/selinux.ts';
import { rootOf } from '../sys/id-maps.ts';
import type { ContainerMetadata } from './container.ts';
import type { PodContext } from './container-parts.ts';
import type { PodFeatures } from './pod-features.ts';

/** A container that is to be: everything about it is decided, nothing of it is made yet. */
export interface Subject {
  readonly metadata: ContainerMetadata;
  readonly pod: PodContext;
  readonly image: Image;
  readonly imageConfig: ImageConfig;
  readonly handler: RuntimeHandler;
  /** What the pod's annotations ask for. */
  readonly features: PodFeatures;
  readonly labels: Labels;
}

/** The ids that the pod's root has on the host. */
export function rootOfPod({ facts }: PodContext): { readonly uid: number; readonly gid: number } {
  return facts.userNamespace === undefined ? { uid: 0, gid: 0 } : rootOf(facts.userNamespace.idMaps);
}
