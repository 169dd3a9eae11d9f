// What CDI files do to a finished spec, as the CDI specification's «container edits».

import type {
  DeviceCgroupRule,
  HookSpec,
  HooksSpec,
  IntelRdtSpec,
  LinuxSpec,
  MountSpec,
  RuntimeSpec,
} from '../../oci/runtime-spec.ts';
import { inOrder } from './mounts.ts';
import type { CdiNode, CdiRequest } from './spec-input.ts';

/** The spec with all edits, which take the place of what is there under the same name or path. */
export function withCdi(spec: RuntimeSpec, cdi: CdiRequest): RuntimeSpec {
  const { process, linux } = spec;
  const { uid, gid } = process.user;
  const devices = cdi.nodes.map((device) => ownedNode(device, uid, gid));
  const rules = cdi.nodes.flatMap(ruleOf);
  const { hooks: before = {}, ...rest } = spec;
  const hooks = hooksWith(before, cdi.hooks);
  const allDevices = byKey([...(linux.devices ?? []), ...devices], ({ path }) => path);
  return {
    ...rest,
    process: {
      ...process,
      env: byKey([...process.env, ...cdi.env], (entry) => entry.slice(0, entry.indexOf('='))),
      user: {
        ...process.user,
        additionalGids: [...new Set([...process.user.additionalGids, ...cdi.additionalGids])],
      },
    },
    mounts: mountsWith(spec.mounts, cdi.mounts),
    ...(Object.keys(hooks).length > 0 && { hooks }),
    linux: {
      ...linux,
      ...(allDevices.length > 0 && { devices: allDevices }),
      resources: { ...linux.resources, devices: [...linux.resources.devices, ...rules] },
      ...(cdi.intelRdt !== undefined && { intelRdt: rdtOf(cdi.intelRdt) }),
      ...(cdi.netDevices.length > 0 && { netDevices: netDevicesOf(cdi.netDevices) }),
    },
  };
}

/** None for a pipe: it is of the file system alone. */
function ruleOf({ node: { type, major, minor }, permissions }: CdiNode): DeviceCgroupRule[] {
  return type === 'p' ? [] : [{ allow: true, type, major, minor, access: permissions || 'rwm' }];
}

/** A node without an owner belongs to the user of the container who is not root, or it could not be opened. */
function ownedNode({ node, uid, gid }: CdiNode, userUid: number, userGid: number) {
  return { ...node, uid: uid ?? userUid, gid: gid ?? userGid };
}

/** The later of two with one key, at the place of the first. */
function byKey<T>(items: readonly T[], keyOf: (item: T) => string): readonly T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}

function mountsWith(before: readonly MountSpec[], added: CdiRequest['mounts']): readonly MountSpec[] {
  if (added.length === 0) return before;
  const mounts = added.map(mountOf);
  const taken = new Set(mounts.map(({ destination }) => destination));
  return inOrder([...before.filter(({ destination }) => !taken.has(destination)), ...mounts]);
}

/** To the runtimes the option makes the bind mount, not the type: without it they look for a file system of that name. */
function mountOf({ hostPath, containerPath, type, options }: CdiRequest['mounts'][number]): MountSpec {
  const isBind = type === '' || type === 'bind';
  const isSaid = options.some((option) => option === 'bind' || option === 'rbind');
  return {
    destination: containerPath,
    type: type || 'bind',
    source: hostPath,
    options: isBind && !isSaid ? ['rbind', ...options] : options,
  };
}

function hooksWith(before: HooksSpec, added: CdiRequest['hooks']): HooksSpec {
  const hooks: Record<string, readonly HookSpec[]> = { ...before };
  for (const { hookName, path, args, env, timeoutSeconds } of added) {
    const hook: HookSpec = {
      path,
      ...(args.length > 0 && { args }),
      ...(env.length > 0 && { env }),
      ...(timeoutSeconds !== undefined && { timeout: timeoutSeconds }),
    };
    hooks[hookName] = [...(hooks[hookName] ?? []), hook];
  }
  return hooks;
}

function rdtOf(requested: NonNullable<CdiRequest['intelRdt']>): IntelRdtSpec {
  const { schemata, enableMonitoring, ...texts } = requested;
  return {
    ...Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== '')),
    ...(schemata.length > 0 && { schemata }),
    ...(enableMonitoring && { enableMonitoring }),
  };
}

function netDevicesOf(requested: CdiRequest['netDevices']): NonNullable<LinuxSpec['netDevices']> {
  return Object.fromEntries(requested.map(({ hostInterfaceName, name }) => [hostInterfaceName, { name }]));
}
