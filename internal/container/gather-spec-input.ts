// Reads what a container's spec depends on: the image's account files, devices, mount sources, profiles.

import { DaemonError } from '../errors/daemon-error.ts';
import type { RuntimeHandler } from '../oci/oci-runtime.ts';
import { apparmorProfile } from './apparmor-profile.ts';
import { lookUpCdi } from './cdi-devices.ts';
import type { ContainerMetadata } from './container.ts';
import type { ContainerConfig, ContainerMount } from './container-config.ts';
import { containerPaths } from './container-files.ts';
import type { ContainerParts } from './container-parts.ts';
import { rootOfPod, type Subject } from './creation-subject.ts';
import { copyDefaultMounts, readDefaultMounts } from './default-mounts.ts';
import { goMaxProcs } from './go-max-procs.ts';
import { allHostDevices, lookUpDevices } from './host-devices.ts';
import { shmSizeOf, umaskOf } from './pod-features.ts';
import { requestedDevices } from './requested-devices.ts';
import { requestedResources } from './requested-resources.ts';
import { readRootfsText } from './rootfs-files.ts';
import { localhostSeccomp } from './seccomp-files.ts';
import { maxAccountFileBytes } from './spec/account-files.ts';
import { guestPidName } from './spec/namespaces.ts';
import type { HostDevice, SpecInput } from './spec/spec-input.ts';
import { tuningEnvironment, withSharedCpus } from './tuned-containers.ts';

/** Everything that `buildSpec` needs for a container whose rootfs is mounted; `mounts` are the request's, their sources ready. */
export async function gatherSpecInput(
  parts: ContainerParts,
  subject: Subject,
  { mounts, volumes }: { readonly mounts: readonly ContainerMount[] } & Pick<SpecInput, 'volumes'>,
): Promise<SpecInput> {
  const { metadata, pod, image, imageConfig, handler, features, labels } = subject;
  const { rootfs } = containerPaths(parts.directories, metadata.id);
  const config = await effectiveConfig(parts, subject, mounts);
  return {
    containerId: metadata.id,
    containerName: metadata.name,
    createdAt: new Date(Number(metadata.createdAtNanos / 1_000_000n)),
    config,
    image: imageConfig,
    imageId: image.id,
    imageName: metadata.config.image,
    imageRef: metadata.imageRef,
    sandbox: pod.facts,
    host: { ...parts.host, recursiveReadOnlyMounts: handler.features.recursiveReadOnlyMounts },
    defaults: effectiveDefaults(parts, subject, config),
    rootfsPath: rootfs,
    cgroupsPath: parts.cgroups.cgroupsPath(metadata.cgroupParent, metadata.id),
    logPath: metadata.logPath ?? '',
    passwdText: await readRootfsText(rootfs, '/etc/passwd', maxAccountFileBytes + 1),
    groupText: await readRootfsText(rootfs, '/etc/group', maxAccountFileBytes + 1),
    targetPidPath: targetPidPath(parts, metadata),
    requestedDevices: await lookUpDevices(requestedDevices(config.devices, features, parts.defaults.devices)),
    hooks: await parts.hooks.read(),
    cdi: await lookUpCdi(parts.cdi, config, handler),
    hostDevices: await hostDevices(config, handler),
    volumes,
    defaultMounts: await labelledDefaultMounts(parts, subject),
    umask: umaskOf(features),
    hasWritableCgroups: features.value('writableCgroups') === 'true' && parts.host.cgroupV2,
    localhostSeccomp: await localhostSeccomp(config.security),
    privilegedSeccomp: config.security.privileged ? await parts.privilegedSeccomp.read() : undefined,
    apparmorProfile: await apparmorProfile(config.security, parts.apparmor),
    labels,
  };
}

/** The node's defaults as the container's runtime handler and the pod's annotations change them. */
function effectiveDefaults(
  { defaults, defaultSeccomp }: ContainerParts,
  { metadata, pod, handler, features }: Subject,
  { resources }: ContainerConfig,
): SpecInput['defaults'] {
  const { cgroupParent } = metadata;
  const procs = goMaxProcs(defaults.leastGoMaxProcs, { cgroupParent, resources, features });
  return {
    ...defaults.spec,
    env: [...procs, ...defaults.spec.env], // all others count more
    seccompProfile: handler.seccompProfile ?? defaultSeccomp.profile,
    containerMinMemoryBytes: handler.minMemoryBytes,
    shmSizeBytes: shmSizeOf(features) ?? defaults.spec.shmSizeBytes,
    allowedAnnotations: features.allowed,
    annotations: handler.defaultAnnotations,
    hasKernelAlone: handler.features.kernelPerPod === true && !pod.facts.ownKernel,
  };
}

/** The container's copies of what mounts.conf names, made now, which its processes may read under SELinux. */
async function labelledDefaultMounts(
  { directories, defaults, selinux, logger }: ContainerParts,
  { metadata, pod, labels }: Subject,
): Promise<SpecInput['defaultMounts']> {
  const { defaultMounts: directory } = containerPaths(directories, metadata.id);
  const named = await readDefaultMounts(defaults.mountsFiles);
  const copies = await copyDefaultMounts(named, { directory, owner: rootOfPod(pod) }, logger);
  if (copies.length > 0) await selinux.relabel({ path: directory, label: labels.mount });
  return copies;
}

/** The request as it is carried out: mount sources that exist, and what the node and the pod's annotations change. */
async function effectiveConfig(
  parts: ContainerParts,
  { metadata, pod, features }: Subject,
  mounts: readonly ContainerMount[],
): Promise<ContainerConfig> {
  const { config, tuning } = metadata;
  const resources = requestedResources(metadata, pod, features);
  return {
    ...config,
    envs: [...config.envs, ...(await tuningEnvironment(parts.tuning, tuning, resources))],
    mounts,
    resources: withSharedCpus(resources, metadata),
  };
}

function targetPidPath(parts: ContainerParts, metadata: ContainerMetadata): string | undefined {
  const { security } = metadata.config;
  if (security.pidMode !== 'target') return undefined;
  const target = parts.containers.find(security.targetId);
  const text = `cannot join the pid namespace of container "${target?.id ?? security.targetId}"`;
  if (target === undefined) throw new DaemonError('not-found', `${text}: there is no such container`);
  if (target.metadata.sandboxId !== metadata.sandboxId)
    throw new DaemonError('invalid-argument', `${text}: it is of another pod`);
  if (target.status.state === 'running')
    return target.metadata.hasStandIn ? guestPidName(target.id) : `/proc/${target.status.pid}/ns/pid`;
  const { state } = target.status;
  throw new DaemonError(
    'failed-precondition',
    `${text}: it is ${state}, only that of a running container can be joined`,
  );
}

async function hostDevices(
  config: ContainerConfig,
  handler: RuntimeHandler,
): Promise<HostDevice[] | undefined> {
  const wanted = config.security.privileged && !handler.privilegedWithoutHostDevices;
  return wanted ? allHostDevices() : undefined;
}
