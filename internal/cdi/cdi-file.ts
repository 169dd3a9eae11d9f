// One CDI file: JSON or YAML, checked as a whole. A file with a mistake describes nothing.

import { Fields, FileError } from '../documents/fields.ts';
import { parseYaml } from '../documents/yaml.ts';
import type { CdiEdits } from './cdi.ts';
import { isDeviceName, isKind } from './device-name.ts';
import { editsOf } from './edits-of.ts';

export interface CdiFile {
  readonly path: string;
  readonly kind: string;
  /** For every container that gets a device of this file. */
  readonly edits: CdiEdits;
  readonly devices: ReadonlyMap<string, CdiEdits>;
}

/** Versions of the specification that have nothing that we do not know. */
const knownVersion = /^v?(0\.[3-8]\.0|1\.[01]\.0)$/;

/** Throws a FileError that names the field. */
export function parseCdiFile(path: string, text: string): CdiFile {
  const root = new Fields(parseYaml(text), '');
  const version = root.text('cdiVersion');
  if (!knownVersion.test(version))
    throw new FileError(`cdiVersion "${version}" is not known (0.3.0 to 1.1.0 are)`);
  root.allowOnly(['cdiVersion', 'kind', 'annotations', 'devices', 'containerEdits']);
  const kind = root.text('kind');
  if (!isKind(kind)) throw new FileError(`kind "${kind}" is not of the form vendor.com/class`);
  const devices = new Map<string, CdiEdits>();
  for (const device of root.list('devices')) {
    device.allowOnly(['name', 'annotations', 'containerEdits']);
    const name = device.textOrNumber('name');
    if (!isDeviceName(name)) throw new FileError(`${device.where}.name "${name}" is not a device's name`);
    if (devices.has(name)) throw new FileError(`device "${name}" is there twice`);
    devices.set(name, editsOf(device.object('containerEdits')));
  }
  if (devices.size === 0) throw new FileError('it describes no device');
  return { path, kind, edits: editsOf(root.object('containerEdits')), devices };
}
