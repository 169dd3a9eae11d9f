// The CPUs that irqbalance leaves alone: those that its administrator bans, and those of the containers that ask for it. The
// administrator's line is put back, as it was, with the last of them.

import { readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode, isENOENT } from '../errors/errno.ts';
import { atomicWrite } from '../fs/atomic-write.ts';
import { type CpuSet, noCpus, parseCpuList } from './cpu-set.ts';
import type { Irqbalance } from './irqbalance.ts';
import { bannedMask, findBanned, findLine, formatBanned, parseBanned, withLine } from './irqbalance-lines.ts';
import { readValue } from './node-files.ts';
import type { Afterwards } from './tuned-setting.ts';
import type { ChangedIrqbalance, TuningStore } from './tuning-state.ts';

export interface IrqbalanceFiles {
  /** Where /sys is. */
  readonly root: string;
  /** The option irqbalance_config_file; a node without the file has no irqbalance, or one that needs none. */
  readonly config: string;
}

export class IrqbalanceConfig {
  readonly #files: IrqbalanceFiles;
  readonly #irqbalance: Irqbalance;

  constructor(files: IrqbalanceFiles, irqbalance: Irqbalance) {
    this.#files = files;
    this.#irqbalance = irqbalance;
  }

  /** Bans the CPUs `quiet`, those that `never` take new interrupts, and the administrator's. */
  async ban(
    store: TuningStore,
    { quiet, never }: { readonly quiet: CpuSet; readonly never: CpuSet },
  ): Promise<Afterwards | undefined> {
    const { config } = this.#files;
    const former = store.state.irqbalance;
    if (former !== undefined && former.file !== config) await this.restore(store); // the option names another file now
    const text = await readConfig(config);
    const before = originalOf(text ?? '', config, store.state.irqbalance);
    const own = before.line === undefined ? undefined : findLine(before.line, before.name);
    const administrators = parseBanned(before.name, own?.value ?? '');
    if (administrators === undefined) {
      const what = `${config}: ${before.name} is "${own?.value}", which is no set of CPUs`;
      throw new DaemonError('failed-precondition', `${what}; correct it`);
    }
    const usual = (own?.value ?? '') === '' ? await this.#bannedByDefault() : noCpus;
    const value = formatBanned(before.name, administrators | usual | never | quiet);
    const variable = { name: before.name, value };
    if (text === undefined) {
      await store.save({ irqbalance: before });
      return () => this.#irqbalance.balance(variable, false);
    }
    const line = `${before.name}="${value}"`;
    if (findLine(text, before.name)?.line === line && before.written.includes(line)) return undefined;
    await store.save({ irqbalance: { ...before, written: [...new Set([...before.written, line])] } });
    await writeConfig(config, withLine(text, before.name, line));
    await store.forget({ irqbalance: { ...before, written: [line] } });
    return () => this.#irqbalance.balance(variable, true);
  }

  /** Puts the administrator's line back; one that was changed meanwhile stays. */
  async restore(store: TuningStore): Promise<Afterwards | undefined> {
    const changed = store.state.irqbalance;
    if (changed === undefined) return undefined;
    const text = await readConfig(changed.file);
    const current = text === undefined ? undefined : findLine(text, changed.name)?.line;
    const isOurs = current !== undefined && changed.written.includes(current);
    if (text !== undefined && isOurs)
      await writeConfig(changed.file, withLine(text, changed.name, changed.line));
    await store.forget({ irqbalance: undefined });
    const value = changed.line === undefined ? '' : (findLine(changed.line, changed.name)?.value ?? '');
    return () => this.#irqbalance.balance({ name: changed.name, value }, text !== undefined);
  }

  /**
   * CRI-O's rule for the start after a boot: the mask in `restoreFile`, where there is one, is put in irqbalance's file. CRI-O
   * also makes that file; we know the administrator's line by our own state.
   */
  async restoreMask(restoreFile: string): Promise<Afterwards | undefined> {
    const { config } = this.#files;
    const [text, saved] = [await readConfig(config), await readConfig(restoreFile)];
    if (text === undefined || saved === undefined) return undefined;
    const value = saved.trim();
    if (parseBanned(bannedMask, value) === undefined) {
      const what = `${restoreFile} holds no mask of CPUs`;
      throw new DaemonError(
        'failed-precondition',
        `${what}; correct it, or set irqbalance_config_restore_file = "disable"`,
      );
    }
    if ((findLine(text, bannedMask)?.value ?? '') === value) return undefined;
    await writeConfig(config, withLine(text, bannedMask, `${bannedMask}="${value}"`));
    return () => this.#irqbalance.balance({ name: bannedMask, value }, true);
  }

  /** What irqbalance leaves alone when it is told nothing: a value of ours must not lose that. */
  async #bannedByDefault(): Promise<CpuSet> {
    const read = async (name: string): Promise<CpuSet> =>
      parseCpuList((await readValue(join(this.#files.root, 'sys/devices/system/cpu', name))) ?? '') ?? noCpus;
    return (await read('isolated')) | (await read('nohz_full'));
  }
}

/** What the administrator has in the file: what was there before our first line, or what has taken its place. */
function originalOf(text: string, file: string, changed: ChangedIrqbalance | undefined): ChangedIrqbalance {
  if (changed?.file === file) {
    const current = findLine(text, changed.name);
    if (current !== undefined && changed.written.includes(current.line)) return changed;
    if (current?.line === changed.line) return changed; // a daemon died before it wrote
  }
  const found = findBanned(text);
  return { file, name: found?.name ?? bannedMask, line: found?.line, written: [] };
}

async function readConfig(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (isENOENT(cause)) return undefined;
    throw new DaemonError('failed-precondition', `${path} cannot be read (${errnoCode(cause)})`, cause);
  }
}

/** Replaces the file behind `path`, which may be a link, whole or not at all. */
async function writeConfig(path: string, text: string): Promise<void> {
  try {
    const file = await realpath(path);
    await atomicWrite(file, text, { mode: (await stat(file)).mode & 0o777 });
  } catch (cause) {
    throw new DaemonError('failed-precondition', `${path} cannot be written (${errnoCode(cause)})`, cause);
  }
}
