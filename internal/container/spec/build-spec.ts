import type { LinuxSpec, ProcessSpec, RuntimeSpec } from '../../oci/runtime-spec.ts';
import { annotations, passedAnnotations } from './annotations.ts';
import { processArguments } from './arguments.ts';
import { capabilitySets } from './capabilities.ts';
import { withCdi } from './cdi-edits.ts';
import { devices } from './devices.ts';
import { environment } from './environment.ts';
import { hooksFor } from './hooks.ts';
import { mounts } from './mounts.ts';
import { guestPidName, namespaces } from './namespaces.ts';
import { ofNewCgroup, oomScoreAdj, resources } from './resources.ts';
import { rlimits } from './rlimits.ts';
import { seccomp } from './seccomp.ts';
import { hiddenPaths, workingDirectory } from './security.ts';
import type { SpecInput } from './spec-input.ts';
import { hasReadOnlyRoot } from './system-mounts.ts';
import { type ResolvedUser, resolveUser } from './user.ts';
import { checkUserNamespace, hostUser, idMappings, userInside } from './user-namespace.ts';

/** What runc 1.1 and crun 1.8 name as theirs; later versions only add, and we write nothing that needs them. */
export const ociVersion = '1.0.2';

/**
 * The OCI runtime spec of a container. Pure: the same input gives the same spec. A request that cannot be done
 * throws a DaemonError that names the field or the path.
 */
export function buildSpec(input: SpecInput): RuntimeSpec {
  const { config, sandbox } = input;
  checkUserNamespace(config.security, sandbox.userNamespace);
  const asked = resolveUser({
    security: config.security,
    imageUser: input.image.user,
    passwdText: input.passwdText,
    groupText: input.groupText,
  });
  const user = userInside(sandbox.userNamespace, asked);
  hostUser(sandbox.userNamespace, user); // refuses one that is nobody there
  const { mounts: mountList, volumes, rootfsPropagation } = mounts(input);
  const process = processOf(input, user);
  const spec: RuntimeSpec = {
    ociVersion,
    process,
    root: { path: input.rootfsPath, readonly: hasReadOnlyRoot(input) },
    ...(sandbox.namespaces.uts === 'new' && { hostname: sandbox.hostname }),
    mounts: mountList,
    annotations: annotations(input),
    hooks: hooksFor(input.hooks, {
      annotations: passedAnnotations(input),
      command: process.args[0] ?? '',
      hasBindMounts: config.mounts.length > 0,
    }),
    linux: {
      ...linuxOf(input, process),
      ...(rootfsPropagation !== undefined && { rootfsPropagation }),
    },
  };
  const whole = withCdi(spec, input.cdi);
  return { ...whole, mounts: [...volumes, ...whole.mounts] };
}

function processOf(input: SpecInput, user: ResolvedUser): ProcessSpec {
  const { config, image, host, defaults } = input;
  const limits = rlimits(defaults.ulimits);
  return {
    terminal: config.tty,
    user: {
      uid: user.uid,
      gid: user.gid,
      additionalGids: user.additionalGids,
      ...(input.umask !== undefined && { umask: input.umask }),
    },
    args: processArguments(config, image, input.imageName),
    env: environment({
      defaults: defaults.env,
      image: image.env,
      request: config.envs,
      hostname: input.sandbox.hostname,
      home: user.home,
      tty: config.tty,
    }),
    cwd: workingDirectory(config.workingDir, image.workingDir),
    capabilities: capabilitySets({
      security: config.security,
      defaults: defaults.capabilities,
      bounding: host.boundingCapabilities,
      addInheritable: defaults.addInheritableCapabilities,
      uid: user.uid,
    }),
    ...(limits.length > 0 && { rlimits: limits }),
    noNewPrivileges: config.security.noNewPrivs,
    ...(input.apparmorProfile !== undefined && { apparmorProfile: input.apparmorProfile }),
    ...(input.labels.process !== '' && { selinuxLabel: input.labels.process }),
    oomScoreAdj: oomScoreAdj(config.resources.oomScoreAdj, host.oomScoreAdjMin),
  };
}

function linuxOf(input: SpecInput, process: ProcessSpec): LinuxSpec {
  const { config, host, defaults, sandbox } = input;
  const { security } = config;
  const device = devices({
    requested: input.requestedDevices,
    hostDevices: security.privileged ? input.hostDevices : undefined,
    owner: defaults.deviceOwnershipFromSecurityContext ? process.user : undefined,
  });
  const profile = seccomp(
    {
      security,
      localhost: input.localhostSeccomp,
      runtimeDefault: defaults.seccompProfile,
      privileged: input.privilegedSeccomp,
    },
    {
      capabilities: process.capabilities.bounding,
      architecture: host.architecture,
      kernelVersion: host.kernelVersion,
    },
  );
  return {
    namespaces: namespaces({
      security,
      sandbox: sandbox.namespaces,
      targetPidPath: input.targetPidPath,
      guestPidName: sandbox.ownKernel ? guestPidName(input.containerId) : undefined,
      cgroupV2: host.cgroupV2,
      userNamespace: sandbox.userNamespace,
    }),
    ...idMappings(sandbox.userNamespace),
    cgroupsPath: input.cgroupsPath,
    resources: resources(ofNewCgroup(config.resources), host, defaults, device.rules),
    ...(device.devices.length > 0 && { devices: device.devices }),
    ...hiddenPaths(security),
    ...(input.labels.mount !== '' && { mountLabel: input.labels.mount }),
    ...(profile !== undefined && { seccomp: profile }),
  };
}
