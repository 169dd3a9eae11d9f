// Seccomp profiles. Ours and those of files are of one form: the OCI's, with the widely used additions `archMap`,
// `includes` and `excludes` (conditions on capabilities, architecture and kernel), which are resolved here.

import { DaemonError } from '../../errors/daemon-error.ts';
import type { SeccompSpec, SyscallArgument, SyscallRule } from '../../oci/runtime-spec.ts';
import type { ContainerSecurity } from '../container-config.ts';
import { defaultSeccompProfile } from './seccomp-default.ts';
import {
  type ProfileSource,
  parseSeccompProfile,
  type RuleCondition,
  type RuleSource,
} from './seccomp-profile.ts';
import type { HostFacts } from './spec-input.ts';

export interface SeccompRequest {
  readonly security: Pick<ContainerSecurity, 'privileged' | 'seccomp'>;
  /** Parsed JSON of the localhost profile. */
  readonly localhost: unknown;
  /** Parsed JSON of the configured default; undefined takes the built-in one. */
  readonly runtimeDefault: unknown;
  /** Parsed JSON of the profile of privileged containers; undefined for no filter. */
  readonly privileged: unknown;
}

export interface SeccompTarget {
  /** The container's bounding set, with the `CAP_` prefix. */
  readonly capabilities: readonly string[];
  readonly architecture: HostFacts['architecture'];
  readonly kernelVersion: number;
}

/**
 * The filter, or undefined for none: unconfined and a request without a profile have none (CRI). What a privileged one
 * asks for does not count (CRI): it has the filter that the node has for such containers, if any (CRI-O).
 */
export function seccomp(request: SeccompRequest, target: SeccompTarget): SeccompSpec | undefined {
  const { seccomp: profile, privileged } = request.security;
  if (privileged) return ofPrivileged(request.privileged, target);
  if (profile === undefined) return undefined;
  switch (profile.type) {
    case 'unconfined':
      return undefined;
    case 'localhost':
      return resolveProfile(parseSeccompProfile(request.localhost, profile.localhostRef), target);
    case 'runtime-default':
      return resolveProfile(
        request.runtimeDefault === undefined
          ? defaultSeccompProfile
          : parseSeccompProfile(request.runtimeDefault, 'seccomp_profile'),
        target,
      );
  }
}

function ofPrivileged(json: unknown, target: SeccompTarget): SeccompSpec | undefined {
  if (json === undefined) return undefined;
  return resolveProfile(parseSeccompProfile(json, 'privileged_seccomp_profile'), target);
}

const nativeArchitecture = {
  amd64: 'SCMP_ARCH_X86_64',
  arm64: 'SCMP_ARCH_AARCH64',
} as const satisfies Record<HostFacts['architecture'], string>;

function resolveProfile(profile: ProfileSource, target: SeccompTarget): SeccompSpec {
  const native = nativeArchitecture[target.architecture];
  const mapped = profile.archMap.find(({ architecture }) => architecture === native);
  const architectures =
    mapped === undefined
      ? profile.architectures
      : [native, ...mapped.subArchitectures.filter((name) => name !== native)];
  const { archMap: _, syscalls, ...rest } = profile;
  return { ...rest, architectures, syscalls: syscalls.filter((rule) => applies(rule, target)).map(ruleOf) };
}

function applies({ includes, excludes }: RuleSource, target: SeccompTarget): boolean {
  return (
    (includes === undefined || meets(includes, target)) &&
    (excludes === undefined || !meetsAny(excludes, target))
  );
}

/** All that an `includes` names must hold. */
function meets(condition: RuleCondition, target: SeccompTarget): boolean {
  return (
    condition.caps.every((name) => target.capabilities.includes(name)) &&
    (condition.arches.length === 0 || condition.arches.includes(target.architecture)) &&
    (condition.minKernel === undefined || target.kernelVersion >= condition.minKernel)
  );
}

/** Any that an `excludes` names is enough. */
function meetsAny(condition: RuleCondition, target: SeccompTarget): boolean {
  return (
    condition.caps.some((name) => target.capabilities.includes(name)) ||
    condition.arches.includes(target.architecture) ||
    (condition.minKernel !== undefined && target.kernelVersion >= condition.minKernel)
  );
}

function ruleOf({ names, action, errnoRet, args }: RuleSource): SyscallRule {
  return {
    names,
    action,
    ...(errnoRet !== undefined && { errnoRet }),
    ...(args.length > 0 && { args: args.map(checkedArgument) }),
  };
}

function checkedArgument(argument: SyscallArgument): SyscallArgument {
  if (argument.index > 5) {
    throw new DaemonError(
      'invalid-argument',
      `seccomp rule compares argument ${argument.index}: there are 0 to 5`,
    );
  }
  return argument;
}
