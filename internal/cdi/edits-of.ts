// `containerEdits` of a CDI file.

import { type Fields, FileError } from '../documents/fields.ts';
import { type HookPoint, hookPoints } from '../documents/hook-points.ts';
import type { CdiDeviceNode, CdiEdits, CdiHook, CdiIntelRdt, CdiMount, CdiNetDevice } from './cdi.ts';

// The specification: a file with a field that is not known is not loaded, because an edit would be missing.
const editNames = ['env', 'deviceNodes', 'netDevices', 'mounts', 'hooks', 'additionalGids', 'intelRdt'];
const nodeNames = ['path', 'hostPath', 'type', 'major', 'minor', 'fileMode', 'permissions', 'uid', 'gid'];
const hookNames = ['hookName', 'path', 'args', 'env', 'timeout'];
const mountNames = ['hostPath', 'containerPath', 'type', 'options'];
/** The last two until 1.0: counters that no container needs. */
const rdtNames = [
  'closID',
  'l3CacheSchema',
  'memBwSchema',
  'schemata',
  'enableMonitoring',
  'enableCMT',
  'enableMBM',
];

export function editsOf(fields: Fields): CdiEdits {
  fields.allowOnly(editNames);
  const env = fields.texts('env');
  const wrong = env.find((entry) => entry.indexOf('=') <= 0 || entry.includes('\0'));
  if (wrong !== undefined) throw new FileError(`${fields.where}.env has an entry without NAME=`);
  return {
    env,
    deviceNodes: fields.list('deviceNodes').map(deviceNode),
    netDevices: fields.list('netDevices').map(netDevice),
    mounts: fields.list('mounts').map(mount),
    hooks: fields.list('hooks').map(hook),
    additionalGids: fields.counts('additionalGids').filter((gid) => gid !== 0),
    intelRdt: fields.has('intelRdt') ? intelRdt(fields.object('intelRdt')) : undefined,
  };
}

/** One after the other; of two Intel RDT classes the later one counts. */
export function joinEdits(all: readonly CdiEdits[]): CdiEdits {
  return {
    env: all.flatMap(({ env }) => env),
    deviceNodes: all.flatMap(({ deviceNodes }) => deviceNodes),
    netDevices: all.flatMap(({ netDevices }) => netDevices),
    mounts: all.flatMap(({ mounts }) => mounts),
    hooks: all.flatMap(({ hooks }) => hooks),
    additionalGids: all.flatMap(({ additionalGids }) => additionalGids),
    intelRdt: all.findLast(({ intelRdt: found }) => found !== undefined)?.intelRdt,
  };
}

function deviceNode(fields: Fields): CdiDeviceNode {
  fields.allowOnly(nodeNames);
  const path = fields.absolutePath('path');
  const permissions = fields.text('permissions');
  if (!/^[rwm]*$/.test(permissions))
    throw new FileError(`${fields.where}.permissions "${permissions}" are not of r, w, m`);
  return {
    path,
    hostPath: fields.has('hostPath') ? fields.absolutePath('hostPath') : path,
    type: nodeType(fields),
    major: fields.count('major'),
    minor: fields.count('minor'),
    fileMode: fields.count('fileMode'),
    permissions,
    uid: fields.count('uid'),
    gid: fields.count('gid'),
  };
}

/** As mknod(1) names them; u is an unbuffered character device. */
const nodeTypes = { '': undefined, b: 'b', c: 'c', u: 'c', p: 'p' } as const;

function nodeType(fields: Fields): CdiDeviceNode['type'] {
  const type = fields.text('type');
  if (Object.hasOwn(nodeTypes, type)) return nodeTypes[type as keyof typeof nodeTypes];
  throw new FileError(`${fields.where}.type "${type}" is not one of b, c, u, p`);
}

function netDevice(fields: Fields): CdiNetDevice {
  fields.allowOnly(['hostInterfaceName', 'name']);
  return {
    hostInterfaceName: interfaceName(fields, 'hostInterfaceName'),
    name: interfaceName(fields, 'name'),
  };
}

/** As the kernel takes it (dev_valid_name). */
function interfaceName(fields: Fields, field: string): string {
  const name = fields.required(field);
  if (/^[^\s/:]{1,15}$/.test(name) && name !== '.' && name !== '..') return name;
  throw new FileError(`${fields.where}.${field} "${name}" is not the name of a network interface`);
}

function mount(fields: Fields): CdiMount {
  fields.allowOnly(mountNames);
  return {
    hostPath: fields.required('hostPath'),
    containerPath: fields.absolutePath('containerPath'),
    type: fields.text('type'),
    options: fields.texts('options'),
  };
}

function hook(fields: Fields): CdiHook {
  fields.allowOnly(hookNames);
  const hookName = fields.required('hookName');
  if (!(hookPoints as readonly string[]).includes(hookName))
    throw new FileError(`${fields.where}.hookName "${hookName}" is not one of ${hookPoints.join(', ')}`);
  return {
    hookName: hookName as HookPoint,
    path: fields.absolutePath('path'),
    args: fields.texts('args'),
    env: fields.texts('env'),
    timeoutSeconds: fields.count('timeout'),
  };
}

function intelRdt(fields: Fields): CdiIntelRdt {
  fields.allowOnly(rdtNames);
  return {
    closID: fields.text('closID'),
    l3CacheSchema: fields.text('l3CacheSchema'),
    memBwSchema: fields.text('memBwSchema'),
    schemata: fields.texts('schemata'),
    enableMonitoring: fields.flag('enableMonitoring') ?? false,
  };
}
