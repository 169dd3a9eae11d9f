// CdiDevices from the files of directories. They are read when a container asks for a device, which is rare: what a
// vendor's tool has just written counts.

import { listFiles, readTrusted } from '../documents/trusted-files.ts';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import type { CdiDevices, CdiEdits } from './cdi.ts';
import { type CdiFile, parseCdiFile } from './cdi-file.ts';
import { parseDeviceName } from './device-name.ts';
import { joinEdits } from './edits-of.ts';

/** A description of a few hundred devices has some 100 KiB. */
const maxFileBytes = 4 * 1024 * 1024;

interface Found {
  readonly file: CdiFile;
  readonly edits: CdiEdits;
  /** Index of the directory; a later one wins. */
  readonly priority: number;
}

interface Scan {
  readonly devices: ReadonlyMap<string, readonly Found[]>;
  /** Files that could not be used, with the reason. */
  readonly broken: readonly string[];
}

export class CdiDirectories implements CdiDevices {
  #directories: readonly string[];
  readonly #logger: Logger;

  constructor(directories: readonly string[], logger: Logger) {
    this.#directories = directories;
    this.#logger = logger;
  }

  /** Takes other directories from now on. */
  follow(directories: readonly string[]): void {
    this.#directories = directories;
  }

  async resolve(names: readonly string[]): Promise<CdiEdits> {
    if (names.length === 0) return joinEdits([]);
    const { devices, broken } = await this.#scan();
    for (const problem of broken) this.#logger.warn({ problem }, 'a CDI file is left out');
    const chosen = names.map((name) => choose(name, devices.get(name) ?? []));
    const problems = chosen.filter((item) => typeof item === 'string');
    if (problems.length > 0) throw unresolvable(problems, this.#directories, broken);
    const found = chosen.filter((item) => typeof item !== 'string');
    const seen = new Set<CdiFile>();
    return joinEdits(
      found.flatMap(({ file, edits }) => {
        const first = !seen.has(file);
        seen.add(file);
        return first ? [file.edits, edits] : [edits];
      }),
    );
  }

  async #scan(): Promise<Scan> {
    const devices = new Map<string, Found[]>();
    const broken: string[] = [];
    for (const [priority, directory] of this.#directories.entries()) {
      for (const path of await listFiles(directory, /\.(json|ya?ml)$/)) {
        try {
          const file = parseCdiFile(path, await readTrusted(path, maxFileBytes));
          for (const [name, edits] of file.devices) {
            const qualified = `${file.kind}=${name}`;
            devices.set(qualified, [...(devices.get(qualified) ?? []), { file, edits, priority }]);
          }
        } catch (cause) {
          broken.push(`${path}: ${describeError(cause)}`);
        }
      }
    }
    return { devices, broken };
  }
}

/** The description that counts, or what is wrong with the name. */
function choose(name: string, found: readonly Found[]): Found | string {
  if (parseDeviceName(name) === undefined) return `"${name}" is not of the form vendor.com/class=name`;
  const priority = Math.max(...found.map((item) => item.priority));
  const [first, second] = found.filter((item) => item.priority === priority);
  if (first === undefined) return `"${name}" is not described`;
  if (second !== undefined)
    return `"${name}" is described by both ${first.file.path} and ${second.file.path}`;
  return first;
}

function unresolvable(
  problems: readonly string[],
  directories: readonly string[],
  broken: readonly string[],
): DaemonError {
  const leftOut = broken.length > 0 ? `; left out: ${broken.join('; ')}` : '';
  const where = `in ${directories.join(', ')}`;
  return new DaemonError(
    'failed-precondition',
    `unresolvable CDI devices ${where}: ${problems.join(', ')}${leftOut}`,
  );
}
