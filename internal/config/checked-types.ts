// The value types of the option table, each with the check that makes a value of it usable.

import { isAbsolute } from 'node:path';
import { parseDeviceText } from './device-text.ts';
import { parseDurationMs, parseSizeBytes } from './quantities.ts';
import { integerType, listType, stringType } from './value-type.ts';

export const text = stringType('TEXT');

/** A path or nothing; relative ones are left to who uses them, as in CRI-O. */
export const anyPath = stringType('PATH');

export const absolutePath = stringType('PATH', (path) =>
  isAbsolute(path) ? undefined : `"${path}" is not an absolute path`,
);

export const optionalPath = stringType('PATH', (path) =>
  path === '' || isAbsolute(path) ? undefined : `"${path}" is not an absolute path`,
);

/** A socket's address is 108 bytes with the closing zero (unix(7)). */
export const socketPath = stringType('PATH', (path) => {
  const bytes = Buffer.byteLength(path);
  if (!isAbsolute(path)) return `"${path}" is not an absolute path`;
  return bytes < 108 ? undefined : `"${path}" has ${bytes} bytes, a socket's path at most 107`;
});

/** Sockets of the monitors lie below, with names of up to 27 bytes more. */
export const socketDirectory = stringType('PATH', (path) => {
  const bytes = Buffer.byteLength(path);
  if (!isAbsolute(path)) return `"${path}" is not an absolute path`;
  return bytes <= 80 ? undefined : `"${path}" has ${bytes} bytes, a directory of sockets at most 80`;
});

export const textList = listType('TEXT');

/** `Local`, a name of the tz database, or nothing. It is a path below the directory of zones. */
export const timeZone = stringType('ZONE', (zone) =>
  zone === '' || /^[\w+-]+(\/[\w+-]+)*$/.test(zone)
    ? undefined
    : `"${zone}" is neither "Local" nor a zone such as "Europe/Berlin"`,
);

/** In the kernel's form for cpusets, or nothing. */
export const cpuList = stringType('LIST', (list) =>
  /^(\d+(-\d+)?(,\d+(-\d+)?)*)?$/.test(list) ? undefined : `"${list}" is no list of CPUs such as 0-3,7`,
);

export const deviceList = listType('HOST:CONTAINER:PERMISSIONS', (item) =>
  parseDeviceText(item) === undefined ? `"${item}" is not of the form host:container:permissions` : undefined,
);

export const pathList = listType('PATH');

export const absolutePathList = listType('PATH', (path) =>
  isAbsolute(path) ? undefined : `"${path}" is not an absolute path`,
);

export const count = integerType('N');

export const size = stringType('SIZE', (value) =>
  parseSizeBytes(value) === undefined ? `"${value}" is no size such as 512KiB or 12MiB` : undefined,
);

export const duration = stringType('DURATION', (value) =>
  parseDurationMs(value) === undefined ? `"${value}" is no duration such as 2s or 1m30s` : undefined,
);

export const optionalDuration = stringType('DURATION', (value) =>
  value === '' || parseDurationMs(value) !== undefined
    ? undefined
    : `"${value}" is no duration such as 2s or 1m30s`,
);

export const port = integerType('PORT', (value) =>
  value >= 0 && value <= 65_535 ? undefined : `${value} is no port (0 to 65535)`,
);

/** CRI-O keeps the stream server's port as a string. */
export const portText = stringType('PORT', (value) =>
  /^\d{1,5}$/.test(value) && Number(value) <= 65_535 ? undefined : `"${value}" is no port ("0" to "65535")`,
);

export const environment = listType('NAME=VALUE', (item) =>
  /^[^=\n\0]+=[^\0]*$/.test(item) ? undefined : `"${item}" is not of the form NAME=VALUE`,
);

/** The monitor never cuts a line of its read size in two files. */
export const logSize = integerType('BYTES', (value) =>
  value < 0 || value >= 8192 ? undefined : `${value} is neither negative (no limit) nor at least 8192`,
);
