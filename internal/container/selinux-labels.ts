// The SELinux labels of a container, and of the host's files that it asks for.

import type { Labels } from '../selinux/selinux.ts';
import type { ContainerMount, ContainerSecurity } from './container-config.ts';
import type { ContainerDefaults, ContainerParts } from './container-parts.ts';
import type { Subject } from './creation-subject.ts';
import type { PodFeatures } from './pod-features.ts';
import type { SandboxFacts } from './spec/spec-input.ts';

/** Who sees the host's processes or memory has no label at all, as under CRI-O; other exceptions are about the process alone. */
export async function containerLabels(
  parts: Pick<ContainerParts, 'selinux'> & {
    readonly defaults: Pick<ContainerDefaults, 'hostNetworkIsUnlabelled'>;
  },
  sandbox: Pick<SandboxFacts, 'labels' | 'namespaces'>,
  security: Pick<ContainerSecurity, 'privileged' | 'pidMode' | 'ipcMode' | 'selinux'>,
): Promise<Labels> {
  const { privileged, pidMode, ipcMode, selinux } = security;
  if (pidMode === 'node' || ipcMode === 'node') return { process: '', mount: '' };
  const labels = await parts.selinux.containerLabels(sandbox.labels, selinux);
  const isOnHost = sandbox.namespaces.network === 'host';
  const isUnlabelled = privileged || (isOnHost && parts.defaults.hostNetworkIsUnlabelled);
  return isUnlabelled ? { ...labels, process: '' } : labels;
}

/** Gives the sources of mounts that ask for it the container's label; one whose type is spc_t may use any file as it is. */
export async function relabelMounts(
  parts: Pick<ContainerParts, 'selinux'>,
  { labels, features }: Pick<Subject, 'labels' | 'features'>,
  mounts: readonly ContainerMount[],
): Promise<void> {
  if (labels.mount === '' || labels.process.split(':')[2] === 'spc_t') return;
  const trustsTop = skipsLabelled(features);
  for (const { hostPath, selinuxRelabel, image } of mounts)
    if (selinuxRelabel && image === '')
      await parts.selinux.relabel({ path: hostPath, label: labels.mount, trustsTop });
}

function skipsLabelled(features: PodFeatures): boolean {
  return features.value('trySkipRelabel') === 'true';
}
