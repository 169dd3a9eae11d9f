import type { ContainerConfig } from '../container-config.ts';
import type { SandboxFacts, SpecDefaults, SpecInput } from './spec-input.ts';

/** What an OCI runtime, systemd or a hypervisor acts upon. A pod's author must not reach these (CVE-2023-6476, -2024-3154). */
const gatedPrefixes: readonly string[] = [
  'run.oci.',
  'org.systemd.property.',
  'org.criu.config',
  'io.katacontainers.',
  'dev.gvisor.',
  'com.github.containers.virtcontainers.',
  'module.wasm.image/variant',
  'io.kubernetes.cri.',
  'io.containers.',
  'org.opencontainers.',
  'bundle',
];

/** What asks something of the daemon: `devices.crio.io`, and for one container `cpu-quota.crio.io/main`. */
const forDaemon = /^[^/]*\.crio\.io(\/|$)/;

/** Ours alone: read back by node tools and NRI plugins, or sizes for a hypervisor. No list of allowed names opens these. */
const ownPrefixes: readonly string[] = [
  'io.kubernetes.cri-o.',
  'io.container.',
  'pod-linux-overhead.crio.io',
  'pod-linux-resources.crio.io',
];

/**
 * The spec's annotations: the pod's and the container's without those that a runtime interprets, unless the handler
 * allows them by prefix; the handler's own where those say nothing; and the set that tools look for in CRI-O's containers.
 */
export function annotations(input: SpecInput): Readonly<Record<string, string>> {
  return { ...input.defaults.annotations, ...passedAnnotations(input), ...ownAnnotations(input) };
}

/** The pod's and the container's, as far as they may have an effect on what runs the container: a runtime, or a hook. */
export function passedAnnotations({
  sandbox,
  config,
  defaults,
}: {
  readonly sandbox: Pick<SandboxFacts, 'annotations'>;
  readonly config: Pick<ContainerConfig, 'annotations'>;
  readonly defaults: Pick<SpecDefaults, 'allowedAnnotations'>;
}): Readonly<Record<string, string>> {
  const all = Object.entries({ ...sandbox.annotations, ...config.annotations });
  return Object.fromEntries(all.filter(([name]) => passes(name, defaults.allowedAnnotations)));
}

function passes(name: string, allowed: readonly string[]): boolean {
  if (ownPrefixes.some((prefix) => name.startsWith(prefix))) return false;
  const isGated = gatedPrefixes.some((prefix) => name.startsWith(prefix)) || forDaemon.test(name);
  return !isGated || allowed.some((prefix) => prefix !== '' && name.startsWith(prefix));
}

function ownAnnotations(input: SpecInput): Readonly<Record<string, string>> {
  const { sandbox, config, defaults } = input;
  const own = {
    Annotations: JSON.stringify(config.annotations),
    ContainerID: input.containerId,
    ContainerName: input.containerName,
    // gVisor reads it with the SandboxID: a `container` joins the kernel of that sandbox.
    ...(!defaults.hasKernelAlone && { ContainerType: 'container' }),
    Created: input.createdAt.toISOString(),
    Image: input.imageId,
    ImageName: input.imageName,
    ImageRef: input.imageRef,
    KubeName: sandbox.podName,
    Namespace: sandbox.podNamespace,
    Labels: JSON.stringify(config.labels),
    LogPath: input.logPath,
    Metadata: JSON.stringify(config.metadata),
    MountPoint: input.rootfsPath,
    Name: input.containerName,
    RuntimeHandler: sandbox.runtimeHandler,
    SandboxID: sandbox.id,
    SandboxName: sandbox.name,
    Stdin: String(config.stdin),
    StdinOnce: String(config.stdinOnce),
    TTY: String(config.tty),
  };
  return {
    ...Object.fromEntries(Object.entries(own).map(([name, value]) => [`io.kubernetes.cri-o.${name}`, value])),
    'io.container.manager': defaults.managerName,
  };
}
