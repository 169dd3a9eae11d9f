// Names of CDI devices: `vendor.com/class=name`.

export interface DeviceName {
  /** `vendor.com/class`. */
  readonly kind: string;
  readonly name: string;
}

/** Of a vendor and of a class, in which there may be dots since 0.6. */
const label = '[A-Za-z](?:[A-Za-z0-9._-]*[A-Za-z0-9])?';
const deviceName = '[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?';

const kindPattern = new RegExp(`^${label}/${label}$`);
const namePattern = new RegExp(`^${deviceName}$`);

export function isKind(text: string): boolean {
  return kindPattern.test(text);
}

export function isDeviceName(text: string): boolean {
  return namePattern.test(text);
}

/** Undefined for a text that is no qualified name. */
export function parseDeviceName(text: string): DeviceName | undefined {
  const at = text.indexOf('=');
  const [kind, name] = [text.slice(0, at), text.slice(at + 1)];
  return at > 0 && isKind(kind) && isDeviceName(name) ? { kind, name } : undefined;
}
